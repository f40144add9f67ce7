internal import ArchiveFormat
internal import MessagePack
internal import Telemetry

/// Turns the entries of a journal into events: knows the declarations and the positions.
struct RecordInterpreter {
    private struct Timeline: Hashable {
        let instance: String, feed: Feed
    }

    private struct Batch {
        let instance: String, epoch: Int64, first: Int64, count: Int64, received: Timestamp
    }

    /// What is read beyond these cursors does not count, since the next segment has it again.
    var limit: CursorTable?
    private var cursors = CursorTable()
    private var timelines: [Timeline: Int] = [:]
    private var declared: [CursorTable.Key: [Int64: (timeline: Int, feed: Feed)]] = [:]
    private var damage: String?
    /// The epochs that have gone on since the damage: a later jump of theirs has another cause.
    private var goneOn: Set<CursorTable.Key> = []

    /// Notes that bytes were skipped: they explain the next jump of positions.
    mutating func noteDamage(_ text: String) {
        damage = text
        goneOn = []
    }

    /// Gives `body` what the entry in `payload` says.
    ///
    /// - Returns: false if it is none.
    mutating func interpret(
        _ payload: UnsafeRawBufferPointer,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Bool {
        // The entry is decoded by one call and acted on in another: an error of `body` must not
        // look like one of the decoder.
        var failure: (any Error)?
        do {
            try JournalRecord.withRecord(in: payload) { record in
                do {
                    try take(record, body)
                } catch {
                    failure = error
                }
            }
        } catch {
            return false
        }
        if let failure { throw failure }
        return true
    }

    private mutating func take(
        _ record: JournalRecord,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        switch record {
        case .opening(let archive, let segment, let created, let cursors):
            for cursor in cursors { self.cursors.merge(cursor) }
            try body(
                .opening(archive: archive, segment: segment, created: created, cursors: cursors)
            )
        case .ledger(let entry):
            try body(.ledger(entry))
        case .batch(let instance, let epoch, let first, let count, let received, let frames):
            let batch = Batch(
                instance: instance,
                epoch: epoch,
                first: first,
                count: count,
                received: received
            )
            try take(batch, frames, body)
        }
    }

    private mutating func take(
        _ batch: Batch,
        _ frames: UnsafeRawBufferPointer,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        let key = CursorTable.Key(instance: batch.instance, epoch: batch.epoch)
        var cursor =
            cursors.entries[key]
            ?? Cursor(instance: batch.instance, epoch: batch.epoch, position: 0, crc: 0)
        var last = Int64.max
        if let limit { last = limit.entries[key]?.position ?? 0 }
        if batch.count > 0, let damage, goneOn.insert(key).inserted,
            batch.first > cursor.position + 1, batch.first <= last
        {
            let missing = batch.first - cursor.position - 1
            try body(.ledger(hole(batch, count: missing, cause: damage)))
        }
        var scanner = FrameScanner(frames)
        var position = batch.first
        while let item = scanner.next() {
            guard case .frame(_, let payload, let crc) = item else { continue }
            let isNew = batch.count > 0 && position > cursor.position && position <= last
            let ends = try take(payload, batch, position, isNew: isNew, body)
            if isNew {
                cursor.position = position
                cursor.crc = crc
                cursor.isFinished = cursor.isFinished || ends
            }
            position += 1
        }
        guard batch.count > 0 else { return }
        let end = min(batch.first + batch.count - 1, last)
        if end > cursor.position {
            cursor.position = end
            cursor.crc = 0
        }
        cursors.set(cursor)
        try body(.progress(cursor, received: batch.received))
    }

    /// Gives `body` one record, and returns whether it ends the epoch.
    private mutating func take(
        _ payload: UnsafeRawBufferPointer,
        _ batch: Batch,
        _ position: Int64,
        isNew: Bool,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Bool {
        var event: JournalEvent?
        var ends = false
        do {
            event = try Record.withRecord(in: payload) { record in
                ends = record.header.kind == .end
                return try self.event(record, payload, batch, position, isNew: isNew)
            }
        } catch {
            guard isNew else { return false }
            event = .unreadable(
                instance: batch.instance,
                epoch: batch.epoch,
                position: position,
                received: batch.received,
                reason: "\(error)",
                payload: payload
            )
        }
        if let event { try body(event) }
        return ends
    }

    private mutating func event(
        _ record: Record,
        _ payload: UnsafeRawBufferPointer,
        _ batch: Batch,
        _ position: Int64,
        isNew: Bool
    ) throws -> JournalEvent? {
        let key = CursorTable.Key(instance: batch.instance, epoch: batch.epoch)
        switch record.header.kind {
        case .declaration:
            let feed = try record.declaration()
            let timeline = Timeline(instance: batch.instance, feed: feed)
            let number = timelines[timeline] ?? timelines.count
            timelines[timeline] = number
            declared[key, default: [:]][record.header.revision] = (number, feed)
            var frame: [UInt8] = []
            Frame.append(payload, to: &frame)
            return .declaration(
                KeptDeclaration(
                    instance: batch.instance,
                    epoch: batch.epoch,
                    revision: record.header.revision,
                    frame: frame
                )
            )
        case .data:
            guard isNew else { return nil }
            guard let (timeline, feed) = declared[key]?[record.header.revision] else {
                throw RecordError.malformed(
                    "declaration \(record.header.revision) of epoch \(batch.epoch) is unknown"
                )
            }
            return .blocks(
                JournalBlocks(
                    instance: batch.instance,
                    feed: feed,
                    timeline: timeline,
                    epoch: batch.epoch,
                    position: position,
                    published: record.header.published,
                    received: batch.received,
                    blocks: try record.blocks(of: feed)
                )
            )
        case .loss:
            guard isNew else { return nil }
            let loss = try record.loss()
            return .ledger(
                LedgerEntry(
                    instance: batch.instance,
                    feed: nil,
                    from: loss.from,
                    to: loss.to,
                    count: loss.count,
                    cause: loss.cause
                )
            )
        case .end: return nil
        case nil: throw RecordError.malformed("a record of a kind that this version does not know")
        }
    }

    private func hole(_ batch: Batch, count: Int64, cause: String) -> LedgerEntry {
        LedgerEntry(
            instance: batch.instance,
            feed: nil,
            from: batch.received,
            to: batch.received,
            count: count,
            cause: cause
        )
    }
}

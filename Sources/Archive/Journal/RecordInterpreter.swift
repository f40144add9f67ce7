internal import ArchiveFormat
internal import MessagePack
internal import Telemetry

/// Turns the entries of a journal into events: knows the declarations and the positions.
struct RecordInterpreter {
    private struct Timeline: Hashable {
        let instance: String, feed: Feed
    }

    /// What is known of one epoch beside its cursor.
    final class Epoch {
        /// When its newest record was published.
        var published: Timestamp?
        fileprivate var declared = DeclaredFeeds()
    }

    /// What is read beyond these cursors does not count, since the next segment has it again.
    var limit: CursorTable?
    var cursors = CursorTable()
    /// Whether it is known how far the archive had come before what is read.
    var hasStart = false
    /// When the segment was created, by its opening.
    var opened: Timestamp?
    private var timelines: [Timeline: JournalFeed] = [:]
    private var epochs: [CursorTable.Key: Epoch] = [:]
    /// How the records of each feed look, by its number.
    private var layouts: [KnownLayout] = []
    var damage: String?
    /// The epochs that have gone on since the damage: a later jump of theirs has another cause.
    var goneOn: Set<CursorTable.Key> = []

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
        guard let record = try? JournalRecord(payload) else { return false }
        try take(record, body)
        return true
    }

    /// What the next segment says of a cursor that is told within this one; nil where it says
    /// nothing: then it was told before it was committed, and what it is about stands there again.
    private func committed(_ cursor: Cursor) -> Cursor? {
        guard let limit else { return cursor }
        guard let known = limit[cursor.instance, cursor.epoch] else { return nil }
        let isBeyond = cursor.position > known.position || cursor.isFinished && !known.isFinished
        return isBeyond ? known : cursor
    }

    private mutating func take(
        _ record: JournalRecord,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        switch record {
        case .opening(let archive, let segment, let created, let cursors):
            let counted = opened == nil ? cursors : cursors.compactMap(committed)
            let seen = try counted.map { try damage == nil ? $0 : withoutHole($0, body) }
            for cursor in seen { self.cursors.merge(cursor) }
            hasStart = true
            opened = opened ?? created
            try body(.opening(archive: archive, segment: segment, created: created, cursors: seen))
        case .ledger(let entry):
            // One beyond the limit was not committed: the next segment has it again.
            guard limit?.covers(entry) ?? true else { return }
            if let epoch = entry.epoch, let first = entry.first, entry.kind == .missing {
                let key = CursorTable.Key(instance: entry.instance, epoch: epoch)
                try passDamage(key, upTo: first - 1, published: entry.from, body)
            }
            cursors.settle(entry)
            try body(.ledger(entry))
        case .batch(let instance, let epoch, let first, let count, let received, let frames):
            let batch = JournalBatch(
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
        _ batch: JournalBatch,
        _ frames: UnsafeRawBufferPointer,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        let key = CursorTable.Key(instance: batch.instance, epoch: batch.epoch)
        let epoch = epoch(key)
        var last = Int64.max
        if let limit { last = limit.entries[key]?.position ?? 0 }
        if batch.count > 0, batch.first <= last {
            try passDamage(key, upTo: batch.first - 1, published: batch.published(frames), body)
        }
        var cursor =
            cursors.entries[key]
            ?? Cursor(instance: batch.instance, epoch: batch.epoch, position: 0, crc: 0)
        if batch.count > 0 { cursor.position = max(cursor.position, min(batch.first - 1, last)) }
        var published = epoch.published
        var scanner = FrameScanner(frames)
        var next = batch.first
        while let item = scanner.next() {
            guard case .frame(_, let payload, let crc) = item else { continue }
            var record: Record?
            var flaw: RecordError?
            do throws(RecordError) { record = try Record(payload) } catch { flaw = error }
            let place = batch.place(of: record?.header, next, known: cursor.position, last: last)
            next = place.position + 1
            if place.isNew {
                if place.position > cursor.position + 1 {
                    let hole = (cursor.position + 1)..<place.position
                    let until = place.published ?? batch.received
                    try body(.ledger(row(key, hole, published, until, Self.batchDamage)))
                }
                published = place.published ?? published
                cursor.position = place.position
                cursor.crc = crc
                cursor.isFinished = cursor.isFinished || place.endsEpoch
            }
            if let event = event(record, flaw, payload, batch, place, epoch) { try body(event) }
        }
        guard batch.count > 0 else { return }
        epoch.published = published
        let end = min(batch.first + batch.count - 1, last)
        if end > cursor.position {
            let hole = (cursor.position + 1)..<(end + 1)
            try body(.ledger(row(key, hole, published, batch.received, Self.batchDamage)))
            cursor.position = end
            cursor.crc = 0
        }
        cursors.set(cursor)
        try body(.progress(cursor, received: batch.received))
    }

    /// What is known of an epoch; it is entered where it was not known.
    mutating func epoch(_ key: CursorTable.Key) -> Epoch {
        if let known = epochs[key] { return known }
        let new = Epoch()
        epochs[key] = new
        return new
    }

    /// What one record says, or why it says nothing; nil where that is nothing, or nothing new.
    private mutating func event(
        _ record: Record?,
        _ flaw: RecordError?,
        _ payload: UnsafeRawBufferPointer,
        _ batch: JournalBatch,
        _ place: JournalBatch.Place,
        _ epoch: Epoch
    ) -> JournalEvent? {
        do throws(RecordError) {
            if let flaw { throw flaw }
            guard let record else { return nil }
            switch record.header.kind {
            case .declaration:
                return .declaration(try declaration(record, payload, batch, epoch))
            case .data:
                guard place.isNew else { return nil }
                return .blocks(try blocks(record, batch, place, epoch))
            case .loss:
                // What is missing by it, the writer has entered, who knew what was there.
                _ = try record.loss()
                return nil
            case .end: return nil
            case nil:
                throw .malformed("a record of a kind that this version does not know")
            }
        } catch {
            guard place.isNew else { return nil }
            return .unreadable(
                instance: batch.instance,
                epoch: batch.epoch,
                position: place.position,
                received: batch.received,
                reason: "\(error)",
                payload: payload
            )
        }
    }

    private mutating func blocks(
        _ record: Record,
        _ batch: JournalBatch,
        _ place: JournalBatch.Place,
        _ epoch: Epoch
    ) throws(RecordError) -> JournalBlocks {
        guard let source = epoch.declared[record.header.revision] else {
            throw .malformed(
                "declaration \(record.header.revision) of epoch \(batch.epoch) is unknown"
            )
        }
        return JournalBlocks(
            source: source,
            epoch: batch.epoch,
            position: place.position,
            published: record.header.published,
            received: batch.received,
            rows: try record.rows(
                of: source.feed,
                types: source.types,
                like: &layouts[source.number]
            )
        )
    }

    private mutating func declaration(
        _ record: Record,
        _ payload: UnsafeRawBufferPointer,
        _ batch: JournalBatch,
        _ epoch: Epoch
    ) throws(RecordError) -> KeptDeclaration {
        let feed = try record.declaration()
        let timeline = Timeline(instance: batch.instance, feed: feed)
        let source =
            timelines[timeline]
            ?? JournalFeed(instance: batch.instance, feed: feed, number: timelines.count)
        timelines[timeline] = source
        while layouts.count < timelines.count { layouts.append(KnownLayout()) }
        epoch.declared[record.header.revision] = source
        var frame: [UInt8] = []
        Frame.append(payload, to: &frame)
        return KeptDeclaration(
            instance: batch.instance,
            epoch: batch.epoch,
            revision: record.header.revision,
            frame: frame
        )
    }
}

/// The declarations of an epoch by their revisions, which mostly are the first few numbers.
private struct DeclaredFeeds {
    private var few: [JournalFeed?] = []
    private var many: [Int64: JournalFeed] = [:]

    /// Revisions that are found by their place.
    private static let fewest = 4096

    subscript(revision: Int64) -> JournalFeed? {
        get {
            let place = Int(revision)
            return few.indices.contains(place) ? few[place] : many[revision]
        }
        set {
            guard (0..<Int64(Self.fewest)).contains(revision) else {
                many[revision] = newValue
                return
            }
            let place = Int(revision)
            while few.count <= place { few.append(nil) }
            few[place] = newValue
        }
    }
}

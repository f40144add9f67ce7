internal import ArchiveFormat
internal import MessagePack
internal import Telemetry

/// Turns the entries of a journal into events: knows the declarations and the positions.
struct RecordInterpreter {
    private struct Timeline: Hashable {
        let instance: String, feed: Feed
    }

    /// What is known of one epoch.
    struct Epoch {
        /// How far the archive has come with it; nil before anything is told of it.
        var cursor: Cursor?
        /// When its newest record was published.
        var published: Timestamp?
        /// What is read beyond this position does not count, since the next segment has it again.
        let last: Int64
        fileprivate var declared = DeclaredFeeds()

        fileprivate init(last: Int64) {
            self.last = last
        }
    }

    /// What the next segment opens with.
    private let limit: CursorTable?
    /// Whether it is known how far the archive had come before what is read.
    var hasStart: Bool
    /// When the segment was created, by its opening.
    var opened: Timestamp?
    /// All declarations by their numbers, and the number of each.
    private var feeds: [JournalFeed] = []
    private var timelines: [Timeline: Int] = [:]
    /// How the records of each feed look, by its number.
    private var layouts: [KnownLayout] = []
    /// All epochs, and the place of each.
    var epochs: [Epoch] = []
    private(set) var places: [CursorTable.Key: Int] = [:]
    /// The declarations of segments before, where they are asked for.
    private let knownFeeds: KnownFeeds
    var damage: String?
    /// The epochs that have gone on since the damage: a later jump of theirs has another cause.
    var goneOn: Set<CursorTable.Key> = []

    /// An interpreter of what follows `start`, as far as `limit`; nil where nobody knows.
    init(behind start: [Cursor]?, limit: CursorTable?, knowing feeds: KnownFeeds = KnownFeeds()) {
        self.limit = limit
        knownFeeds = feeds
        hasStart = start != nil
        for cursor in start ?? [] { merge(cursor) }
    }

    /// How far the archive has come with each epoch.
    var cursors: CursorTable { CursorTable(epochs.compactMap(\.cursor)) }

    /// Takes over what is further than what is known.
    private mutating func merge(_ cursor: Cursor) {
        let place = epoch(CursorTable.Key(cursor))
        epochs[place].cursor?.advance(to: cursor)
        epochs[place].cursor = epochs[place].cursor ?? cursor
    }

    /// Notes that bytes were skipped: they explain the next jump of positions.
    mutating func noteDamage(_ text: String) {
        damage = text
        goneOn = []
    }

    /// Gives `rows` and `body` what the entry in `payload` says.
    ///
    /// - Returns: false if it is none.
    mutating func interpret(
        _ payload: UnsafeRawBufferPointer,
        _ rows: (JournalBlocks) throws -> Void,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Bool {
        guard let record = try? JournalRecord(payload) else { return false }
        try take(record, rows, body)
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
        _ rows: (JournalBlocks) throws -> Void,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        switch record {
        case .opening(let archive, let segment, let created, let cursors):
            // Behind damage it need not be what the segment opens with.
            let isFirst = opened == nil && damage == nil
            let counted = isFirst ? cursors : cursors.compactMap(committed)
            let seen = try counted.map { try damage == nil ? $0 : withoutHole($0, body) }
            for cursor in seen { merge(cursor) }
            hasStart = true
            opened = opened ?? created
            try body(.opening(archive: archive, segment: segment, created: created, cursors: seen))
        case .ledger(let entry):
            // One beyond the limit was not committed: the next segment has it again.
            guard limit?.covers(entry) ?? true else { return }
            if let epoch = entry.epoch, let first = entry.first, entry.kind == .missing {
                let key = CursorTable.Key(instance: entry.instance, epoch: epoch)
                try passDamage(key, upTo: first - 1, published: entry.from, body)
                let place = self.epoch(key)
                var cursor = epochs[place].cursor ?? Cursor(before: key)
                if cursor.settle(entry) { epochs[place].cursor = cursor }
            }
            try body(.ledger(entry))
        case .batch(let instance, let epoch, let first, let count, let received, let frames):
            let batch = JournalBatch(
                instance: instance,
                epoch: epoch,
                first: first,
                count: count,
                received: received
            )
            try take(batch, frames, rows, body)
        }
    }

    private mutating func take(
        _ batch: JournalBatch,
        _ frames: UnsafeRawBufferPointer,
        _ rows: (JournalBlocks) throws -> Void,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        let key = CursorTable.Key(instance: batch.instance, epoch: batch.epoch)
        let epoch = epoch(key)
        let last = epochs[epoch].last
        if batch.count > 0, last > 0 {
            // Also one that does not count itself tells what was before it.
            let end = min(batch.first - 1, last)
            try passDamage(key, upTo: end, published: batch.published(frames), body)
        }
        var cursor = epochs[epoch].cursor ?? Cursor(before: key)
        if batch.count > 0 { cursor.position = max(cursor.position, min(batch.first - 1, last)) }
        var published = epochs[epoch].published
        var scanner = FrameScanner(frames)
        var next = batch.first
        while let item = scanner.next() {
            guard case .frame(_, let payload, let crc) = item else { continue }
            let record = try? Record(payload)
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
            if place.isNew, let record, record.header.kind == .data,
                let found = try? blocks(record, batch, place, epoch)
            {
                try rows(found)
            } else if let event = event(payload, batch, place, epoch) {
                try body(event)
            }
        }
        guard batch.count > 0 else { return }
        epochs[epoch].published = published
        let end = min(batch.first + batch.count - 1, last)
        if end > cursor.position {
            let hole = (cursor.position + 1)..<(end + 1)
            try body(.ledger(row(key, hole, published, batch.received, Self.batchDamage)))
            cursor.position = end
            cursor.crc = 0
        }
        epochs[epoch].cursor = cursor
        try body(.progress(cursor, received: batch.received))
    }

    /// The place of an epoch; it is entered where it was not known.
    mutating func epoch(_ key: CursorTable.Key) -> Int {
        if let known = places[key] { return known }
        places[key] = epochs.count
        epochs.append(Epoch(last: limit.map { $0.entries[key]?.position ?? 0 } ?? .max))
        return epochs.count - 1
    }

    /// What a record says that has no rows, or why it says nothing; nil where that is nothing, or
    /// nothing new.
    private mutating func event(
        _ payload: UnsafeRawBufferPointer,
        _ batch: JournalBatch,
        _ place: JournalBatch.Place,
        _ epoch: Int
    ) -> JournalEvent? {
        do throws(RecordError) {
            let record = try Record(payload)
            switch record.header.kind {
            case .declaration:
                return .declaration(try declaration(record, payload, batch, epoch))
            case .data:
                guard place.isNew else { return nil }
                _ = try blocks(record, batch, place, epoch)
                return nil
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
        _ epoch: Int
    ) throws(RecordError) -> JournalBlocks {
        guard let number = epochs[epoch].declared[record.header.revision] else {
            throw .malformed(
                "declaration \(record.header.revision) of epoch \(batch.epoch) is unknown"
            )
        }
        let rows: RecordRows
        if let row = record.row(like: layouts[number].form) {
            rows = row
        } else {
            rows = try record.rows(
                of: feeds[number].feed,
                types: feeds[number].types,
                noting: &layouts[number]
            )
        }
        return JournalBlocks(
            source: feeds[number],
            epoch: batch.epoch,
            position: place.position,
            published: record.header.published,
            received: batch.received,
            rows: rows
        )
    }

    private mutating func declaration(
        _ record: Record,
        _ payload: UnsafeRawBufferPointer,
        _ batch: JournalBatch,
        _ epoch: Int
    ) throws(RecordError) -> KeptDeclaration {
        let feed = try knownFeeds.feed(of: record)
        let timeline = Timeline(instance: batch.instance, feed: feed)
        let number = timelines[timeline] ?? feeds.count
        if number == feeds.count {
            feeds.append(JournalFeed(instance: batch.instance, feed: feed, number: number))
            layouts.append(KnownLayout())
            timelines[timeline] = number
        }
        epochs[epoch].declared[record.header.revision] = number
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

/// The numbers of an epoch's declarations by their revisions, mostly the first few integers.
private struct DeclaredFeeds {
    private var few: [Int?] = []
    private var many: [Int64: Int] = [:]

    /// Revisions that are found by their place.
    private static let fewest = 4096

    subscript(revision: Int64) -> Int? {
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

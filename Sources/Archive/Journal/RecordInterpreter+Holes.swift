internal import ArchiveFormat
internal import Telemetry

// What a reader misses in a journal: damage took it after it was written.

/// A batch of a journal, without its records.
struct JournalBatch {
    let instance: String, epoch: Int64, first: Int64, count: Int64, received: Timestamp

    /// Where one of its records stands.
    struct Place {
        let position: Int64
        let published: Timestamp?
        /// Whether it counts, and was not there before.
        let isNew: Bool
        let endsEpoch: Bool
    }

    /// The place of a record that is expected at `next`: its own header, nil where it has none,
    /// knows better where others are missing before it.
    ///
    /// `known` is there already, and what is beyond `last` does not count.
    func place(of header: RecordHeader?, _ next: Int64, known: Int64, last: Int64) -> Place {
        let header = header?.epoch == epoch ? header : nil
        let end = first + count
        var position = next
        if let header, next < end, (next..<end).contains(header.position) {
            position = header.position
        }
        return Place(
            position: position,
            published: header?.published,
            isNew: position < end && position > known && position <= last,
            endsEpoch: header?.kind == .end
        )
    }

    /// When its first record was published; when it was received, where that cannot be read.
    func published(_ frames: UnsafeRawBufferPointer) -> Timestamp {
        var scanner = FrameScanner(frames)
        while let item = scanner.next() {
            guard case .frame(_, let payload, _) = item else { continue }
            let published = try? Record.withRecord(in: payload) { $0.header.published }
            return published ?? received
        }
        return received
    }
}

extension RecordInterpreter {
    /// Why a record is missing inside of a batch that is not damaged itself.
    static let batchDamage = "damage: it came damaged"

    /// Enters what the damage took of an epoch that goes on behind `end`.
    mutating func passDamage(
        _ key: CursorTable.Key,
        upTo end: Int64,
        published: @autoclosure () -> Timestamp,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        // Of an epoch that began in a file before, nobody knows here how far that reached.
        guard let damage, goneOn.insert(key).inserted else { return }
        let place = epoch(key)
        if epochs[place].cursor == nil { try tellBefore(key, published(), damage, body) }
        guard hasStart || epochs[place].cursor != nil else { return }
        var cursor = epochs[place].cursor ?? Cursor(before: key)
        guard end > cursor.position else { return }
        let hole = (cursor.position + 1)..<(end + 1)
        try body(.ledger(row(key, hole, epochs[place].published, published(), damage)))
        cursor.position = end
        cursor.crc = 0
        epochs[place].cursor = cursor
    }

    /// Enters that something may be missing before an epoch that begins behind damage: the rest of
    /// the epoch before it, unless its end was seen, and all epochs between the two; of an instance
    /// that was not known all that came before.
    ///
    /// Nobody knows how much that was, or whether it was.
    private mutating func tellBefore(
        _ key: CursorTable.Key,
        _ published: Timestamp,
        _ damage: String,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        let earlier = places.filter { other, place in
            other.instance == key.instance && other.epoch < key.epoch
                && epochs[place].cursor != nil
        }
        guard let (last, place) = earlier.max(by: { $0.key.epoch < $1.key.epoch }),
            let cursor = epochs[place].cursor
        else {
            var row = row(key, 0..<1, nil, published, damage)
            (row.epoch, row.first, row.count) = (nil, nil, nil)
            return try body(.ledger(row))
        }
        guard goneOn.insert(last).inserted else { return }
        var rest = row(last, 0..<1, epochs[place].published, published, damage)
        rest.count = nil
        if !cursor.isFinished {
            rest.first = cursor.position + 1
            try body(.ledger(rest))
            epochs[place].cursor?.isFinished = true
        }
        guard last.epoch + 1 < key.epoch else { return }
        (rest.epoch, rest.first) = (last.epoch + 1, 1)
        try body(.ledger(rest))
    }

    /// What an opening says of an epoch behind damage, as far as it was seen: what was not is a
    /// hole, which the epoch's next batch or the next segment shows.
    ///
    /// Nothing more comes of an epoch that has ended, and a next segment may never be there: its
    /// hole is entered at once.
    ///
    /// An instance that was not known may have joined there: whoever does that has no checksum of a
    /// record yet, and does not end an epoch.
    mutating func withoutHole(
        _ cursor: Cursor,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Cursor {
        let key = CursorTable.Key(cursor)
        let isKnown = cursors.oldestEpoch(of: cursor.instance) != nil
        let hasJoined = cursor.crc == 0 && !cursor.isFinished
        let place = epoch(key)
        guard !goneOn.contains(key), isKnown || !hasJoined,
            hasStart || epochs[place].cursor != nil
        else { return cursor }
        if cursor.isFinished {
            let published =
                epochs[place].published ?? opened ?? Timestamp(nanoseconds: cursor.epoch)
            try passDamage(key, upTo: cursor.position, published: published, body)
        }
        var seen = epochs[place].cursor ?? Cursor(before: key)
        seen.isFinished = cursor.isFinished
        return seen
    }

    /// A row for `hole`, between two records by when they were published.
    func row(
        _ key: CursorTable.Key,
        _ hole: Range<Int64>,
        _ before: Timestamp?,
        _ after: Timestamp,
        _ cause: String
    ) -> LedgerEntry {
        LedgerEntry(
            instance: key.instance,
            feed: nil,
            from: min(before ?? opened ?? after, after),
            to: after,
            count: Int64(hole.count),
            cause: cause,
            epoch: key.epoch,
            first: hole.lowerBound
        )
    }
}

extension LedgerEntry {
    /// The row of a record that is kept though this version cannot read it.
    init(
        unreadable reason: String,
        instance: String,
        epoch: Int64,
        position: Int64,
        received: Timestamp
    ) {
        self.init(
            instance: instance,
            feed: nil,
            from: received,
            to: received,
            count: 1,
            cause: "unreadable: \(reason)",
            epoch: epoch,
            first: position
        )
    }
}

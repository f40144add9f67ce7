public import ArchiveFormat
public import Log

/// Reads one segment of a journal from its beginning, also while the writer appends to it.
///
/// One bad entry never ends it: damage is an event, and reading goes on at the next good entry.
/// Used from one thread at a time.
public final class JournalFollower {
    /// The segment.
    public let path: String
    /// Where the next entry begins, in bytes.
    public private(set) var offset = 0
    private let file: any SegmentFile
    private var interpreter: RecordInterpreter
    /// The bytes that are read in one piece; more, once an entry is as long as half of them.
    private var windowLength: Int
    /// Damage that may go on, and is told at the next good entry.
    private var found: (range: Range<Int>, reason: String)?

    /// A follower at the beginning of `file`.
    ///
    /// `limit` is what the next segment opens with: records beyond it were written here, never
    /// committed, and written again there. `start` is how far the archive had come before, which
    /// the segment tells itself unless its opening is damaged.
    public convenience init(
        _ file: any SegmentFile,
        limit: [Cursor]? = nil,
        start: [Cursor]? = nil
    ) {
        self.init(file, limit: limit, start: start, window: Limits.shortJournalWindow)
    }

    /// The same, with so many bytes that are read in one piece at first, and with what followers
    /// of other segments have read.
    init(
        _ file: any SegmentFile,
        limit: [Cursor]? = nil,
        start: [Cursor]? = nil,
        window: Int,
        knowing feeds: KnownFeeds = KnownFeeds()
    ) {
        self.file = file
        path = file.path
        windowLength = window
        interpreter = RecordInterpreter(
            behind: start,
            limit: limit.map { CursorTable($0) },
            knowing: feeds
        )
    }

    /// How far the archive has come by what was read, and by what was known before.
    var cursors: CursorTable { interpreter.cursors }

    /// Gives `rows` the rows of each record, and `others` all else, that stand between ``offset``
    /// and the end as it is now.
    ///
    /// `isClosed` says that nobody writes to it any more. Of a segment that somebody writes to, an
    /// incomplete entry at the end is left for the next call; of another it is debris, and an
    /// event. Throws what they throw, and `DiskError`.
    public func read(
        isClosed: Bool,
        rows: (JournalBlocks) throws -> Void,
        others: (JournalEvent) throws -> Void
    ) throws {
        while try readWindow(isClosed: isClosed, rows, others) {}
        try tellDamage(others)
    }

    /// Reads one window; returns whether there may be more.
    private func readWindow(
        isClosed: Bool,
        _ rows: (JournalBlocks) throws -> Void,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Bool {
        let size = try file.size()
        guard offset < size else { return false }
        let window = try file.bytes(offset..<min(size, offset + windowLength))
        let isLast = offset + window.count >= size
        let isLongest = windowLength >= Limits.journalWindow
        let base = offset
        let consumed = try window.withUnsafeBytes { bytes in
            try scan(
                bytes,
                base: base,
                isFinal: isLast && isClosed,
                goesOn: !isLast && !isLongest,
                rows,
                body
            )
        }
        if !isLast, !isLongest, consumed <= windowLength / 2 {
            windowLength = min(2 * windowLength, Limits.journalWindow)
        }
        if consumed == 0, !isLast, !isLongest { return true }
        if consumed == 0, !isLast {
            // Twice the longest entry and none found: the first half is damage for certain.
            damage(0..<(window.count / 2), base: base, "no entry")
            offset = base + window.count / 2
            return true
        }
        offset = base + consumed
        if isLast, isClosed, consumed < window.count {
            damage(consumed..<window.count, base: base, "cut off")
            offset = base + window.count
        }
        return !isLast
    }

    /// Gives `rows` and `body` the entries in `bytes` and returns how many bytes they are.
    ///
    /// `isFinal` says that nothing will ever follow, `goesOn` that the rest of an incomplete entry
    /// is there to be read.
    private func scan(
        _ bytes: UnsafeRawBufferPointer,
        base: Int,
        isFinal: Bool,
        goesOn: Bool,
        _ rows: (JournalBlocks) throws -> Void,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Int {
        var scanner = FrameScanner(bytes)
        var done = 0
        while isFinal || !isIncomplete(bytes, at: done)
            || !goesOn && isFollowed(bytes, from: done),
            let item = scanner.next()
        {
            switch item {
            case .damage(let range):
                damage(range, base: base, scanner.flaw(at: range.lowerBound))
            case .frame(let start, let payload, _):
                // Inside of a damaged batch whole records may stand: they name no instance.
                if isEntry(payload) { try tellDamage(body) }
                if !(try interpreter.interpret(payload, rows, body)) {
                    damage(start..<scanner.offset, base: base, "no entry of a journal")
                }
            }
            done = scanner.offset
        }
        return done
    }

    /// Whether at `start` a frame begins whose end is not there yet.
    ///
    /// The scanner would go on to the frames inside of it, which are records of a batch.
    private func isIncomplete(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
        let rest = bytes.count - start
        guard rest >= Frame.headerLength else { return true }
        let magic = bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self).littleEndian
        let length = bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self).littleEndian
        return magic == Frame.magic && (1...UInt32(Frame.longestPayload)).contains(length)
            && Int(length) > rest - Frame.headerLength
    }

    /// Whether a whole entry stands behind a frame that seems incomplete: then its length lies,
    /// and nobody will ever write the rest.
    private func isFollowed(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
        guard bytes.count - start > Frame.headerLength else { return false }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[(start + 1)...])
        var scanner = FrameScanner(rest)
        while let item = scanner.next() {
            if case .frame(_, let payload, _) = item, isEntry(payload) { return true }
        }
        return false
    }

    /// Whether it looks like an entry: an array of 2, 5 or 7 parts, not of 6 like a record.
    private func isEntry(_ payload: UnsafeRawBufferPointer) -> Bool {
        [0x92, 0x95, 0x97].contains(payload.first)
    }

    /// Notes damage; what follows without a good entry between is the same one.
    private func damage(_ range: Range<Int>, base: Int, _ reason: String) {
        let end = base + range.upperBound
        if let (earlier, reason) = found, earlier.upperBound == base + range.lowerBound {
            found = (earlier.lowerBound..<end, reason)
        } else {
            found = ((base + range.lowerBound)..<end, reason)
        }
    }

    /// Tells the damage that was noted, and lets it explain the next jump of positions.
    private func tellDamage(_ body: (JournalEvent) throws -> Void) throws {
        guard let (range, reason) = found else { return }
        found = nil
        interpreter.noteDamage(
            "damage: \(Self.name(path)): byte \(range.lowerBound): \(reason)"
        )
        try body(.damage(range, reason: reason))
    }

    /// The part of a path behind the archive's folder: day and name.
    static func name(_ path: String) -> String {
        path.split(separator: "/").suffix(4).joined(separator: "/")
    }
}

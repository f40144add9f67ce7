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
    private var interpreter = RecordInterpreter()

    /// A follower at the beginning of `file`.
    ///
    /// - Parameter limit: what the next segment opens with: records beyond it were written here,
    ///   never committed, and written again there.
    public init(_ file: any SegmentFile, limit: [Cursor]? = nil) {
        self.file = file
        path = file.path
        interpreter.limit = limit.map { CursorTable($0) }
    }

    /// Gives `body` what stands between ``offset`` and the end as it is now.
    ///
    /// - Parameter isClosed: whether nobody writes to it any more. Of a segment that somebody
    ///   writes to, an incomplete entry at the end is left for the next call; of another it is
    ///   debris, and an event.
    public func read(
        isClosed: Bool,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        while try readWindow(isClosed: isClosed, body) {}
    }

    /// Reads one window; returns whether there may be more.
    private func readWindow(
        isClosed: Bool,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Bool {
        let size = try file.size()
        guard offset < size else { return false }
        let window = try file.bytes(offset..<min(size, offset + Limits.journalWindow))
        let isLast = offset + window.count >= size
        let base = offset
        let consumed = try window.withUnsafeBytes { bytes in
            try scan(bytes, base: base, isFinal: isLast && isClosed, body)
        }
        if consumed == 0, !isLast {
            // Twice the longest entry and none found: the first half is damage for certain.
            try damage(0..<(window.count / 2), base: base, "no entry", body)
            offset = base + window.count / 2
            return true
        }
        offset = base + consumed
        if isLast, isClosed, consumed < window.count {
            try damage(consumed..<window.count, base: base, "cut off", body)
            offset = base + window.count
        }
        return !isLast
    }

    /// Gives `body` the entries in `bytes` and returns how many bytes they are.
    private func scan(
        _ bytes: UnsafeRawBufferPointer,
        base: Int,
        isFinal: Bool,
        _ body: (JournalEvent) throws -> Void
    ) throws -> Int {
        var scanner = FrameScanner(bytes)
        var done = 0
        while isFinal || !isIncomplete(bytes, at: done), let item = scanner.next() {
            switch item {
            case .damage(let range, let reason):
                try damage(range, base: base, reason, body)
            case .frame(let start, let payload, _):
                // Inside of a damaged batch whole records may stand: they name no instance.
                if !(try interpreter.interpret(payload, body)) {
                    try damage(start..<scanner.offset, base: base, "no entry of a journal", body)
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

    private func damage(
        _ range: Range<Int>,
        base: Int,
        _ reason: String,
        _ body: (JournalEvent) throws -> Void
    ) throws {
        interpreter.noteDamage(
            "damage: \(Self.name(path)): byte \(base + range.lowerBound): \(reason)"
        )
        try body(
            .damage((base + range.lowerBound)..<(base + range.upperBound), reason: reason)
        )
    }

    /// The part of a path behind the archive's folder: day and name.
    static func name(_ path: String) -> String {
        path.split(separator: "/").suffix(4).joined(separator: "/")
    }
}

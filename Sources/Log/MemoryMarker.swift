internal import ArchiveFormat
internal import Glibc
internal import Telemetry

/// Records of one epoch that are in memory only, since the spool cannot be written.
struct MemoryNote: Hashable, Sendable {
    let epoch: Int64
    let bootID: String
    /// The first and the last position, and when they were published.
    var first: Int64, last: Int64
    var from: Timestamp, to: Timestamp
    var reason: String
    /// What the loss records among them tell of the same epoch: nothing else does, if the process
    /// dies.
    var losses: [RecordLoss] = []

    /// The words of its lines in a table.
    var lines: [String] {
        let numbers = [epoch, first, last, from.nanoseconds, to.nanoseconds].map(String.init)
        let line = "memory \(bootID) \(numbers.joined(separator: " ")) \(Self.cut(reason))"
        return [line]
            + losses.map { loss in
                let times = "\(loss.from.nanoseconds) \(loss.to.nanoseconds)"
                return "lost \(loss.first) \(loss.count) \(times) \(loss.cause)"
            }
    }

    /// The notes among the lines of a table.
    static func notes(in lines: [[Substring]]) -> [MemoryNote] {
        lines.reduce(into: []) { notes, words in
            if let note = MemoryNote(words) {
                notes.append(note)
            } else if let last = notes.indices.last {
                notes[last].take(words)
            }
        }
    }

    /// Takes in a loss by the words of its line.
    mutating func take(_ words: [Substring]) {
        let numbers = words.dropFirst().prefix(4).compactMap { Int64($0) }
        guard words.count > 5, words[0] == "lost", numbers.count == 4 else { return }
        losses.append(
            RecordLoss(
                epoch: epoch,
                first: numbers[0],
                count: numbers[1],
                from: Timestamp(nanoseconds: numbers[2]),
                to: Timestamp(nanoseconds: numbers[3]),
                cause: words.dropFirst(5).joined(separator: " ")
            )
        )
    }

    init?(_ words: [Substring]) {
        let numbers = words.dropFirst(2).prefix(5).compactMap { Int64($0) }
        guard words.count > 6, words[0] == "memory", numbers.count == 5 else { return nil }
        self.init(
            epoch: numbers[0],
            bootID: String(words[1]),
            first: numbers[1],
            last: numbers[2],
            from: Timestamp(nanoseconds: numbers[3]),
            to: Timestamp(nanoseconds: numbers[4]),
            reason: words.dropFirst(7).joined(separator: " ")
        )
    }

    init(
        epoch: Int64,
        bootID: String,
        first: Int64,
        last: Int64,
        from: Timestamp,
        to: Timestamp,
        reason: String,
        losses: [RecordLoss] = []
    ) {
        self.epoch = epoch
        self.bootID = bootID
        self.first = first
        self.last = last
        self.from = from
        self.to = to
        self.reason = reason
        self.losses = losses
    }

    private static func cut(_ reason: String) -> String {
        let words = reason.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return String(words.prefix(Limits.noteReason))
    }
}

/// The file `memory`, which says what would be lost if the process died now.
///
/// It has its blocks from the beginning, so that it can be written when the disk is full. Two
/// places in it are written by turns: a write that is cut short leaves the other one as it was.
struct MemoryMarker {
    static let name = "memory"

    private let file: any SegmentFile
    private var count: Int64 = 0
    /// What an earlier process noted, until the table of epochs has it.
    private(set) var inherited: [MemoryNote] = []
    /// What is in the file.
    private(set) var noted: [MemoryNote] = []
    /// Whether it may have had more than could be read.
    private(set) var isDamaged = false

    /// Opens the file of the spool in `folder`; nil where there is none, or none that can be used.
    ///
    /// What it has on epochs up to `predecessor` is inherited.
    init?(
        openedIn folder: String,
        _ disk: any Disk,
        predecessor: Int64 = .max
    ) throws(DiskError) {
        guard let file = try? disk.open("\(folder)/\(Self.name)", .overwrite),
            let bytes = try? file.contents(), bytes.count == 2 * Limits.memorySlot
        else { return nil }
        self.file = file
        for slot in 0..<2 { read(bytes[(slot * Limits.memorySlot)...]) }
        // What is left of a note whose writer died is not the first one: that stands in the other.
        isDamaged = count == 0 && Self.hasHeadline(bytes[..<Limits.memorySlot])
        inherited = noted.filter { $0.epoch <= predecessor }
        // Who was killed may have left a note that only the kernel has. Where the disk refuses that
        // now, it is as good as it was.
        if !noted.isEmpty { try? file.sync() }
    }

    /// Makes the file of the spool in `folder`, in the place of one that cannot be used.
    init(madeIn folder: String, _ disk: any Disk) throws(DiskError) {
        let path = "\(folder)/\(Self.name)"
        try disk.replace(path, with: [UInt8](repeating: 0, count: 2 * Limits.memorySlot))
        file = try disk.open(path, .overwrite)
    }

    /// Whether there is a file, whatever is in it.
    static func isThere(in folder: String, _ disk: any Disk) -> Bool {
        do throws(DiskError) {
            _ = try disk.open("\(folder)/\(name)", .read)
            return true
        } catch {
            if case .missing = error { return false }
            return true
        }
    }

    private static func hasHeadline(_ bytes: ArraySlice<UInt8>) -> Bool {
        let headline = Array(LogTables.headline.utf8)
        return bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while let start = rest.baseAddress,
                let found = memchr(start, Int32(headline[0]), rest.count)
            {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(start.distance(to: found)))
                if rest.starts(with: headline) { return true }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
            }
            return false
        }
    }

    private mutating func read(_ bytes: ArraySlice<UInt8>) {
        let lines = LogTables.lines(Array(bytes.prefix(Limits.memorySlot)))
        guard lines.count > 1, let number = lines[1].first.flatMap({ Int64($0) }), number > count
        else { return }
        count = number
        noted = MemoryNote.notes(in: lines)
    }

    /// Notes what is in memory; `isSynced` makes it survive a power cut as well.
    mutating func write(_ notes: [MemoryNote], isSynced: Bool) throws(DiskError) {
        var all = (inherited + notes).suffix(Limits.memoryNotes)
        var bytes = LogTables.framed(["\(count + 1)"] + all.flatMap(\.lines))
        while bytes.count > Limits.memorySlot, !all.isEmpty {
            bytes = LogTables.framed(["\(count + 1)"] + all.flatMap(\.lines), copies: 1)
            if bytes.count > Limits.memorySlot { all.removeFirst() }
        }
        let slot = Int((count + 1) % 2) * Limits.memorySlot
        try bytes.withUnsafeBufferPointer { (bytes) throws(DiskError) in
            try file.overwrite(UnsafeRawBufferPointer(bytes), at: slot)
        }
        count += 1
        noted = Array(all)
        if isSynced { try file.sync() }
    }

    /// The same file with what only the one before it knew.
    func goingOn(from former: MemoryMarker) -> MemoryMarker {
        var next = self
        next.count = max(count, former.count)
        next.inherited = former.inherited
        return next
    }

    /// The table of epochs has what an earlier process noted.
    mutating func forgetInherited() {
        inherited = []
    }
}

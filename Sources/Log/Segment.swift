internal import ArchiveFormat
internal import Telemetry

/// One file of a log, as the log knows it.
struct Segment: Sendable {
    let epoch: Int64
    /// The position of its first record, which its name says.
    let first: Int64
    /// What stands in it; nil as long as nobody needed to know.
    var index: SegmentIndex?
    /// Bytes on the disk.
    var byteCount: Int
    /// Whether it begins with the declarations of the epoch.
    ///
    /// One that does not (begun after a
    /// failed write) goes only together with the one before it.
    var beginsWithDeclarations: Bool

    /// The file's name: epoch and first position, so that names sort as records do.
    static func name(epoch: Int64, first: Int64) -> String {
        "\(padded(epoch, 19))-\(padded(first, 12)).log"
    }

    var name: String { Self.name(epoch: epoch, first: first) }

    /// Epoch and first position out of a file's name; nil for other files.
    static func parse(_ name: String) -> (epoch: Int64, first: Int64)? {
        guard name.utf8.count == 36, name.hasSuffix(".log") else { return nil }
        let parts = name.dropLast(4).split(separator: "-")
        guard parts.count == 2, parts[0].utf8.count == 19, let epoch = Int64(parts[0]),
            let first = Int64(parts[1]), epoch > 0, first > 0
        else { return nil }
        return (epoch, first)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// What stands in a segment: where records are, roughly, and between which instants.
struct SegmentIndex: Sendable {
    /// A record's position and where its frame begins.
    struct Place: Sendable {
        let position: Int64
        let offset: Int
    }

    /// One record in every 64 KiB, in order.
    var places: [Place] = []
    /// Where the last good record ends.
    var end = 0
    /// The position behind the last good record.
    var next: Int64
    /// When the first and the last record were published.
    var from: Timestamp?, to: Timestamp?
    /// Whether the last record ends the epoch in order.
    var hasEnd = false
    /// The loss records in it, where it was scanned.
    var losses: [Announcement] = []
    /// Whether all of it was synced when the log opened.
    var isSynced = false
    /// Whether it could not be read when the log opened: what it holds is not known.
    var isUnread = false
    /// Whether what stands behind the last good record is more than a write that was cut short.
    var isTailDamaged = false

    init(first: Int64) {
        next = first
    }

    /// Notes a record that ends at `end`.
    mutating func add(position: Int64, offset: Int, end: Int, published: Timestamp) {
        if places.last.map({ offset - $0.offset >= Limits.indexStride }) ?? true {
            places.append(Place(position: position, offset: offset))
        }
        self.end = end
        next = position + 1
        if from == nil { from = published }
        to = published
    }

    /// The last known place at or before `position`.
    func place(for position: Int64) -> Place? {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle].position <= position { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? places[low - 1] : places.first
    }

    /// Whether a tail without a whole frame is more than the beginning of one, which is what a
    /// write leaves that was cut short, by the end of the process for instance.
    private static func isDamaged(_ tail: UnsafeRawBufferPointer) -> Bool {
        guard tail.count >= Frame.headerLength else { return false }
        let magic = UInt32(littleEndian: tail.loadUnaligned(as: UInt32.self))
        let length = UInt32(
            littleEndian: tail.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        )
        return magic != Frame.magic || !(1...Frame.longestPayload).contains(Int(length))
            || Int(length) <= tail.count - Frame.headerLength
    }

    /// What stands in a whole file, damage left out; `limit` is where the next segment begins.
    static func scan(
        _ bytes: UnsafeRawBufferPointer,
        epoch: Int64,
        first: Int64,
        limit: Int64
    ) -> SegmentIndex {
        var index = SegmentIndex(first: first)
        var scanner = FrameScanner(bytes)
        while let item = scanner.next() {
            guard case .frame(let offset, let payload, _) = item else { continue }
            // A record of a version to come still has its place in the order.
            let peek = RecordPeek(payload)
            let position = peek?.position ?? index.next
            guard peek?.epoch ?? epoch == epoch, position >= index.next else { continue }
            guard position < limit else { break }
            index.add(
                position: position,
                offset: offset,
                end: scanner.offset,
                published: peek?.published ?? index.to ?? Timestamp(nanoseconds: epoch)
            )
            index.hasEnd = peek?.kind == RecordKind.end.rawValue
            guard peek?.kind == RecordKind.loss.rawValue else { continue }
            try? Record.withRecord(in: payload) { record in
                index.losses.append(
                    Announcement(epoch: epoch, position: position, loss: try record.loss())
                )
            }
        }
        index.isTailDamaged = isDamaged(UnsafeRawBufferPointer(rebasing: bytes[scanner.offset...]))
        return index
    }
}

internal import ArchiveFormat
internal import MessagePack
internal import Telemetry

/// What a batch of records says, without the rows: how far it reaches, and what it declares.
struct FrameWalk {
    struct Declaration {
        let revision: Int64, frame: [UInt8]
    }

    /// The positions that are new, and how many frames stand for them.
    private(set) var first: Int64, count: Int64, found: Int64 = 0
    /// The frames of the positions that are new.
    private(set) var frames: UnsafeRawBufferPointer
    /// The checksum of the last frame, 0 if there is none.
    private(set) var crc: UInt32 = 0
    private(set) var firstPublished: Timestamp?
    private(set) var lastPublished: Timestamp?
    private(set) var declarations: [Declaration] = []
    private(set) var endsEpoch = false

    var last: Int64 { first + count - 1 }

    /// Walks over `frames`, which begin with position `first`, and trims those up to `known`.
    init(_ frames: UnsafeRawBufferPointer, first: Int64, count: Int64, after known: Int64) {
        let overlap = max(0, min(count, known + 1 - first))
        self.first = first + overlap
        self.count = max(0, count) - overlap
        self.frames = UnsafeRawBufferPointer(rebasing: frames[..<0])
        guard self.count > 0 else { return }
        var scanner = FrameScanner(frames)
        var start = 0
        var end = 0
        for _ in 0..<overlap {
            guard case .frame = scanner.next() else { break }
            start = scanner.offset
        }
        end = frames.count
        while let item = scanner.next() {
            guard case .frame(let offset, let payload, let crc) = item else { continue }
            found += 1
            self.crc = crc
            let isEdge = found == 1 || found == self.count
            note(payload, isEdge: isEdge, frame: frames[offset..<scanner.offset])
        }
        self.frames = UnsafeRawBufferPointer(rebasing: frames[start..<end])
    }

    /// Rows of the ledger for what never came between `known` and here, and what came damaged.
    func missing(
        of key: CursorTable.Key,
        after known: Int64,
        published: Timestamp?,
        received: Timestamp
    ) -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        if first > known + 1 {
            let next = firstPublished ?? received
            entries.append(
                LedgerEntry(
                    instance: key.instance,
                    feed: nil,
                    from: min(published ?? next, next),
                    to: next,
                    count: first - known - 1,
                    cause: "records \(known + 1)-\(first - 1) of epoch \(key.epoch) "
                        + "were no longer in the log"
                )
            )
        }
        if found < count {
            entries.append(
                LedgerEntry(
                    instance: key.instance,
                    feed: nil,
                    from: received,
                    to: received,
                    count: count - found,
                    cause: "damage: \(count - found) of the records \(first)-\(last) "
                        + "of epoch \(key.epoch) came damaged"
                )
            )
        }
        return entries
    }

    /// Looks into the records at both ends and into declarations; rows need not be decoded.
    private mutating func note(
        _ payload: UnsafeRawBufferPointer,
        isEdge: Bool,
        frame: Slice<UnsafeRawBufferPointer>
    ) {
        // `[kind, …]` of six parts begins with these two bytes in the form that agents write.
        let isData =
            payload.count > 2 && payload[0] == 0x96
            && payload[1] == UInt8(RecordKind.data.rawValue)
        guard isEdge || !isData else { return }
        let header = try? Record.withRecord(in: payload) { record in
            if record.header.kind == .declaration, (try? record.declaration()) != nil {
                declarations.append(
                    Declaration(revision: record.header.revision, frame: Array(frame))
                )
            }
            return record.header
        }
        guard let header else { return }
        if firstPublished == nil { firstPublished = header.published }
        lastPublished = header.published
        endsEpoch = endsEpoch || header.kind == .end
    }
}

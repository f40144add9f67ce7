internal import ArchiveFormat
internal import MessagePack
internal import Telemetry

/// What a batch of records says, without the rows: how far it reaches, and what it declares.
struct FrameWalk {
    struct Declaration {
        let revision: Int64, frame: [UInt8]
    }

    /// The positions that are new.
    private(set) var first: Int64, count: Int64
    /// The frames of the positions that are new.
    private(set) var frames: UnsafeRawBufferPointer
    /// The checksum of the last frame, 0 if there is none.
    private(set) var crc: UInt32 = 0
    private(set) var firstPublished: Timestamp?
    private(set) var lastPublished: Timestamp?
    private(set) var declarations: [Declaration] = []
    /// What the log says that it had to drop.
    private(set) var losses: [RecordLoss] = []
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
        var found: Int64 = 0
        while let item = scanner.next() {
            guard case .frame(let offset, let payload, let crc) = item else { continue }
            found += 1
            self.crc = crc
            let isEdge = found == 1 || found == self.count
            note(payload, isEdge: isEdge, frame: frames[offset..<scanner.offset])
        }
        self.frames = UnsafeRawBufferPointer(rebasing: frames[start..<end])
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
            switch record.header.kind {
            case .declaration where (try? record.declaration()) != nil:
                declarations.append(
                    Declaration(revision: record.header.revision, frame: Array(frame))
                )
            case .loss:
                // One that makes no sense is journaled, and shown as unreadable.
                if let loss = try? record.loss(), loss.count > 0, loss.first > 0,
                    loss.first <= .max - loss.count
                {
                    losses.append(loss)
                }
            default: break
            }
            return record.header
        }
        guard let header else { return }
        if firstPublished == nil { firstPublished = header.published }
        lastPublished = header.published
        endsEpoch = endsEpoch || header.kind == .end
    }
}

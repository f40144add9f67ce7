internal import Archive
internal import ArchiveFormat
internal import G3Format
internal import MessageBus
internal import MessagePack
internal import Telemetry

/// A decoder of bytes that come from outside, as something that takes any bytes at all.
///
/// None of them may trap, hang, or allocate what a length only claims: `deploy/fuzz` looks for
/// bytes that make one do so, and a test gives all of them what was found before.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Documents of MessagePack, and requests and replies of the bus.
    case messagePack = "message-pack"
    /// A chunk: the bytes say encoding, type and rows, then what its checksum is right for.
    case chunk
    /// A record of a log, read as each kind.
    case record
    /// A sealed file with a right checksum around a footer of these bytes.
    case footer
    /// A sealed file as it stands.
    case sealed
    /// A segment of a journal: pieces that stand as they are or get a right frame.
    case journal
    /// A file of so3g: pieces that stand as they are or become an entry of a right frame.
    case g3
    /// A site file.
    case site
    /// An expression of PromQL, worked out where it is one.
    case promql
    /// What stands in an address behind `?`, in a form, or in a body of JSON.
    case http
    /// What instruments answer, in pieces.
    case replies

    /// Decodes `bytes`; what they lack is an error, which is what a decoder should find.
    public func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .messagePack: Self.readMessagePack(bytes)
        case .chunk: Self.readChunk(bytes)
        case .record: Self.readRecord(bytes)
        case .footer: OneFile.read(.sealed, FuzzFiles.sealed(footer: bytes))
        case .sealed: OneFile.read(.sealed, Array(bytes))
        case .journal: OneFile.read(.journal, FuzzFiles.journal(bytes))
        case .g3: Self.readG3(FuzzFiles.g3(bytes))
        case .site: Self.readSite(bytes)
        case .promql: Self.readPromQL(bytes)
        case .http: Self.readHTTP(bytes)
        case .replies: Self.readReplies(bytes)
        }
    }

    private static func readMessagePack(_ bytes: UnsafeRawBufferPointer) {
        _ = try? Value(messagePack: bytes)
        _ = try? Value(messagePack: bytes, limits: .records)
        _ = try? Request(bytes: bytes)
        _ = try? Reply(bytes: bytes)
    }

    private static func readChunk(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 8 else { return }
        let head = bytes.loadUnaligned(as: UInt64.self)
        let types = FieldType.allCases
        let body = UnsafeRawBufferPointer(rebasing: bytes[8...])
        let chunk = Chunk(
            offset: 0,
            byteCount: body.count,
            plainByteCount: Int(head >> 24 & 0xFFFF_FFFF),
            checksum: crc32c(body),
            encoding: Int64(head & 7)
        )
        let rows = Int(truncatingIfNeeded: head >> 8 & 0x3FF)
        let type = types[Int(head >> 3 & 3) % types.count]
        guard let column = try? ChunkCodec.decode(body, chunk, type, rows: rows) else { return }
        precondition(column.count == rows, "a column of other rows")
        // What was read can be written, and reads the same.
        let encoded = ChunkCodec.encode(column, rows: 0..<rows)
        let copy = Chunk(
            offset: 0,
            byteCount: encoded.bytes.count,
            plainByteCount: encoded.plainByteCount,
            checksum: encoded.bytes.withUnsafeBytes { crc32c($0) },
            encoding: encoded.encoding.rawValue
        )
        let again = encoded.bytes.withUnsafeBytes {
            try? ChunkCodec.decode($0, copy, type, rows: rows)
        }
        precondition(again?.isSame(as: column) == true, "a column that changes as it is written")
    }

    private static let feed = Feed(
        "f",
        fields: [Field("d"), Field("i", .int), Field("b", .bool), Field("s", .string)]
    )

    private static func readRecord(_ bytes: UnsafeRawBufferPointer) {
        _ = try? Record.withRecord(in: bytes) { record in
            _ = try? record.declaration()
            _ = try? record.loss()
            for block in (try? record.blocks(of: feed)) ?? [] { _ = try? block.checked(for: feed) }
        }
        _ = try? JournalRecord.withRecord(in: bytes) { _ in }
    }

    private static func readG3(_ file: [UInt8]) {
        var reader = G3FrameReader(size: file.count) { buffer, offset in
            file.withUnsafeBytes { bytes in
                guard offset < bytes.count else { return 0 }
                let count = min(buffer.count, bytes.count - offset)
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
                )
                return count
            }
        }
        while let item = try? reader.next() {
            guard case .frame(let frame) = item else { continue }
            for key in frame.keys { _ = try? frame.value(key) }
            guard case .data(let data)? = try? HousekeepingFrame(frame) else { continue }
            for block in data.blocks { _ = block.nanoseconds }
        }
    }
}

extension Column {
    /// Whether the values that are there are the same, bit by bit.
    fileprivate func isSame(as other: Column) -> Bool {
        guard count == other.count else { return false }
        return (0..<count).allSatisfy { row in
            guard isPresent(row) == other.isPresent(row) else { return false }
            guard isPresent(row) else { return true }
            return switch (values, other.values) {
            case (.doubles(let left), .doubles(let right)):
                left[row].bitPattern == right[row].bitPattern
            case (.ints(let left), .ints(let right)): left[row] == right[row]
            case (.bools(let left), .bools(let right)): left[row] == right[row]
            case (.strings(let left), .strings(let right)): left[row] == right[row]
            default: false
            }
        }
    }
}

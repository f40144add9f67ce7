public import Telemetry

/// Columns to the bytes of chunks and back.
///
/// Plain column: one byte, 1 if a presence map follows and 0 if all N values are there; the map
/// (⌈N/8⌉ bytes, row 0 in the lowest bit of byte 0); the values. Numbers are N little-endian
/// Float64 or Int64, booleans N bytes 0 or 1, texts N + 1 offsets (UInt32) and the UTF-8 bytes.
public enum ChunkCodec {
    /// The rows `rows` of `column` as bytes, and their encoding and plain length.
    public static func encode(
        _ column: Column,
        rows: Range<Int>
    ) -> (bytes: [UInt8], encoding: ChunkEncoding, plainByteCount: Int) {
        let encoder = ChunkEncoder()
        let (encoding, plainByteCount) = encoder.encode(SourceColumn(column), rows: rows)
        return (Array(encoder.bytes), encoding, plainByteCount)
    }

    /// The bytes that a chunk without a column keeps: the payload of an unreadable record.
    ///
    /// `bytes` are those of `chunk` in the file.
    public static func payload(_ bytes: [UInt8], _ chunk: Chunk) throws(ChunkError) -> [UInt8] {
        let checksum = bytes.withUnsafeBytes { crc32c($0) }
        guard checksum == chunk.checksum, bytes.count == chunk.byteCount else {
            throw .checksum(found: checksum, expected: chunk.checksum)
        }
        switch ChunkEncoding(rawValue: chunk.encoding) {
        case .plain: return bytes
        case .zstd:
            let plain = bytes.withUnsafeBytes {
                Zstandard.decompress($0, count: chunk.plainByteCount)
            }
            guard let plain else {
                throw .contents("zstd finds no \(chunk.plainByteCount) bytes")
            }
            return plain
        default: throw .encoding(chunk.encoding)
        }
    }

    /// The column of `rows` values of `type` in `bytes`, which are those of `chunk`.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer,
        _ chunk: Chunk,
        _ type: FieldType,
        rows: Int
    ) throws(ChunkError) -> Column {
        try CheckedChunk(Array(bytes), chunk).column(type, rows: rows)
    }

    /// Takes the presence of `rows` values from the beginning of `bytes`.
    static func presence(
        _ bytes: inout UnsafeRawBufferPointer,
        rows: Int
    ) throws(ChunkError) -> [Bool]? {
        guard let first = bytes.first, first <= 1 else { throw .contents("no presence") }
        let mapCount = first == 1 ? (rows + 7) / 8 : 0
        guard bytes.count > mapCount else { throw .contents("the presence map is cut off") }
        let map = bytes
        bytes = UnsafeRawBufferPointer(rebasing: bytes[(1 + mapCount)...])
        guard first == 1 else { return nil }
        return (0..<rows).map { map[1 + $0 >> 3] >> ($0 & 7) & 1 == 1 }
    }

    /// Takes N texts from the beginning of `bytes`.
    static func texts(
        _ bytes: inout UnsafeRawBufferPointer,
        rows: Int
    ) throws(ChunkError) -> [String] {
        let start = (rows + 1) * 4
        guard bytes.count >= start else { throw .contents("the offsets of texts are cut off") }
        var texts: [String] = []
        texts.reserveCapacity(rows)
        var from = 0
        for row in 1...max(rows, 1) where row <= rows {
            let offset = bytes.loadUnaligned(fromByteOffset: row * 4, as: UInt32.self)
            let to = Int(UInt32(littleEndian: offset))
            guard from <= to, to <= bytes.count - start,
                let text = String(
                    validating: bytes[(start + from)..<(start + to)],
                    as: UTF8.self
                )
            else { throw .contents("text \(row - 1) is none") }
            texts.append(text)
            from = to
        }
        bytes = UnsafeRawBufferPointer(rebasing: bytes[(start + from)...])
        return texts
    }

    static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

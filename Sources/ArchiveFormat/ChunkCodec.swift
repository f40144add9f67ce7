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
        var plain = head(column.presence, rows: rows)
        let headCount = plain.count
        switch column.values {
        case .doubles(let values):
            values[rows].withUnsafeBytes { plain.append(contentsOf: $0) }
        case .ints(let values):
            values[rows].withUnsafeBytes { plain.append(contentsOf: $0) }
        case .bools(let values):
            plain.append(contentsOf: values[rows].map { $0 ? 1 : 0 })
        case .strings(let values):
            var texts: [UInt8] = []
            append(UInt32(0), to: &plain)
            for text in values[rows] {
                texts.append(contentsOf: text.utf8)
                append(UInt32(texts.count), to: &plain)
            }
            plain.append(contentsOf: texts)
        }
        if case .ints(let values) = column.values {
            var differences = Array(plain[..<headCount])
            appendDifferences(values[rows], to: &differences)
            let packed = differences.withUnsafeBytes { Zstandard.compress($0) }
            if let packed, packed.count < plain.count {
                return (packed, .deltaZstd, plain.count)
            }
        } else if let packed = plain.withUnsafeBytes({ Zstandard.compress($0) }),
            packed.count < plain.count
        {
            return (packed, .zstd, plain.count)
        }
        return (plain, .plain, plain.count)
    }

    /// The column of `rows` values of `type` in `bytes`, which are those of `chunk`.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer,
        _ chunk: Chunk,
        _ type: FieldType,
        rows: Int
    ) throws(ChunkError) -> Column {
        let checksum = crc32c(bytes)
        guard checksum == chunk.checksum, bytes.count == chunk.byteCount else {
            throw .checksum(found: checksum, expected: chunk.checksum)
        }
        guard let encoding = ChunkEncoding(rawValue: chunk.encoding) else {
            throw .encoding(chunk.encoding)
        }
        guard encoding != .plain else {
            return try column(bytes, type, rows: rows, isDifferences: false)
        }
        guard let plain = Zstandard.decompress(bytes, count: chunk.plainByteCount) else {
            throw .contents("zstd finds no \(chunk.plainByteCount) bytes")
        }
        do {
            return try plain.withUnsafeBytes {
                try column($0, type, rows: rows, isDifferences: encoding == .deltaZstd)
            }
        } catch let error as ChunkError {
            throw error
        } catch {
            throw .contents("\(error)")
        }
    }

    private static func head(_ presence: [Bool]?, rows: Range<Int>) -> [UInt8] {
        guard let presence, !presence[rows].allSatisfy(\.self) else { return [0] }
        var bytes = [UInt8](repeating: 0, count: 1 + (rows.count + 7) / 8)
        bytes[0] = 1
        for (row, isPresent) in presence[rows].enumerated() where isPresent {
            bytes[1 + row >> 3] |= 1 << (row & 7)
        }
        return bytes
    }

    private static func column(
        _ bytes: UnsafeRawBufferPointer,
        _ type: FieldType,
        rows: Int,
        isDifferences: Bool
    ) throws(ChunkError) -> Column {
        guard let first = bytes.first, first <= 1 else { throw .contents("no presence") }
        let mapCount = first == 1 ? (rows + 7) / 8 : 0
        guard bytes.count > mapCount else { throw .contents("the presence map is cut off") }
        var presence: [Bool]?
        if first == 1 {
            presence = (0..<rows).map { bytes[1 + $0 >> 3] >> ($0 & 7) & 1 == 1 }
        }
        let body = UnsafeRawBufferPointer(rebasing: bytes[(1 + mapCount)...])
        let width = type == .bool ? 1 : 8
        guard type == .string || body.count == rows * width else {
            throw .contents("\(body.count) bytes for \(rows) values of \(type.rawValue)")
        }
        switch type {
        case .double: return Column(.doubles(words(body)), presence: presence)
        case .int:
            let values = isDifferences ? sums(body, rows: rows) : words(body)
            return Column(.ints(values), presence: presence)
        case .bool: return Column(.bools(body.map { $0 != 0 }), presence: presence)
        case .string: return Column(.strings(try texts(body, rows: rows)), presence: presence)
        }
    }

    private static func words<Word: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer) -> [Word] {
        let count = bytes.count / MemoryLayout<Word>.stride
        return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            initialized = count
        }
    }

    private static func texts(
        _ bytes: UnsafeRawBufferPointer,
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
        return texts
    }

    /// The differences as eight planes: all lowest bytes first, all highest last.
    private static func appendDifferences(_ values: ArraySlice<Int64>, to bytes: inout [UInt8]) {
        let start = bytes.count
        let count = values.count
        bytes.append(contentsOf: repeatElement(0, count: count * 8))
        bytes.withUnsafeMutableBufferPointer { buffer in
            var last: Int64 = 0
            for (row, value) in values.enumerated() {
                let difference = UInt64(bitPattern: value &- last)
                last = value
                // Zigzag: small differences of either sign leave the upper planes zero.
                let word = difference << 1 ^ (difference >> 63 == 1 ? UInt64.max : 0)
                for plane in 0..<8 {
                    buffer[start + plane * count + row] = UInt8(
                        truncatingIfNeeded: word >> UInt64(plane * 8)
                    )
                }
            }
        }
    }

    private static func sums(_ bytes: UnsafeRawBufferPointer, rows: Int) -> [Int64] {
        var last: Int64 = 0
        return (0..<rows).map { row in
            var word: UInt64 = 0
            for plane in 0..<8 {
                word |= UInt64(bytes[plane * rows + row]) << UInt64(plane * 8)
            }
            let difference = word >> 1 ^ (word & 1 == 1 ? UInt64.max : 0)
            last = last &+ Int64(bitPattern: difference)
            return last
        }
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

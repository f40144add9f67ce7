public import Telemetry

/// How the bytes of a chunk stand for its column.
///
/// The numbers never change their meaning.
public enum ChunkEncoding: Int64, Sendable {
    /// The plain column.
    case plain = 0
    /// The plain column, compressed by zstd.
    case zstd = 1
    /// Integers: differences, their bytes regrouped by significance, compressed by zstd.
    ///
    /// Read, and no longer written.
    case deltaZstd = 2
    /// Packed integers, see ``PackedColumn``, as they are and compressed by zstd.
    case packed = 3, packedZstd = 4
}

/// Where a chunk stands in a sealed file, and what its bytes have to be.
public struct Chunk: Hashable, Sendable {
    /// Where it begins, in bytes from the start of the file.
    public var offset: Int
    /// How many bytes it has in the file, and how many the plain column has.
    public var byteCount: Int, plainByteCount: Int
    /// CRC-32C of the bytes in the file.
    public var checksum: UInt32
    /// How the bytes stand for the column: a ``ChunkEncoding``, or one of a version to come.
    public var encoding: Int64

    /// A place in a file.
    public init(
        offset: Int,
        byteCount: Int,
        plainByteCount: Int,
        checksum: UInt32,
        encoding: Int64
    ) {
        self.offset = offset
        self.byteCount = byteCount
        self.plainByteCount = plainByteCount
        self.checksum = checksum
        self.encoding = encoding
    }

    /// Reads `[offset, bytes, plain bytes, crc, encoding]`; nil for anything else, and for bytes
    /// beyond the limits.
    public init?(_ value: Value?) {
        guard let parts = value?.array, parts.count >= 5, let offset = parts[0].int,
            let byteCount = parts[1].int, let plain = parts[2].int,
            let checksum = parts[3].int.flatMap(UInt32.init(exactly:)),
            let encoding = parts[4].int, offset >= 0, offset < Int64.max / 2,
            (0...Int64(SealedLimits.plainBytesPerChunk) * 2).contains(byteCount),
            (0...Int64(SealedLimits.plainBytesPerChunk)).contains(plain)
        else { return nil }
        self.init(
            offset: Int(offset),
            byteCount: Int(byteCount),
            plainByteCount: Int(plain),
            checksum: checksum,
            encoding: encoding
        )
    }
}

/// Why a chunk cannot be read.
public enum ChunkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes are not those that were written.
    case checksum(found: UInt32, expected: UInt32)
    /// An encoding of a version to come.
    case encoding(Int64)
    /// The checksum is right and the contents make no column: a fault of the writer.
    case contents(String)

    /// What was found, and what was expected.
    public var description: String {
        switch self {
        case .checksum(let found, let expected):
            "checksum \(hexadecimal(found)), expected \(hexadecimal(expected))"
        case .encoding(let encoding):
            "encoding \(encoding) is unknown to this version: read it with a newer one"
        case .contents(let what): "it cannot be decoded: \(what)"
        }
    }
}

/// Eight hexadecimal digits.
func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}

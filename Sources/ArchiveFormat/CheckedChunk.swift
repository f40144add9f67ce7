public import Telemetry

/// The bytes of a chunk, which are as they were written, and not compressed any more.
///
/// To take the values out of them costs about as much as to copy the values from memory that no
/// processor has in its cache, and they are a tenth as long: so they are what is kept of a file.
public struct CheckedChunk: Sendable {
    private enum Form {
        case plain, differences, packed
    }

    private let bytes: [UInt8]
    private let form: Form

    /// Checks and decompresses `bytes`, which are those of `chunk` in the file.
    public init(_ bytes: [UInt8], _ chunk: Chunk) throws(ChunkError) {
        let checksum = bytes.withUnsafeBytes { crc32c($0) }
        guard checksum == chunk.checksum, bytes.count == chunk.byteCount else {
            throw .checksum(found: checksum, expected: chunk.checksum)
        }
        guard let encoding = ChunkEncoding(rawValue: chunk.encoding) else {
            throw .encoding(chunk.encoding)
        }
        switch encoding {
        case .plain, .zstd: form = .plain
        case .deltaZstd: form = .differences
        case .packed, .packedZstd: form = .packed
        }
        switch encoding {
        case .plain, .packed: self.bytes = bytes
        case .zstd, .deltaZstd, .packedZstd:
            let plain = bytes.withUnsafeBytes {
                Zstandard.decompress($0, count: chunk.plainByteCount)
            }
            guard let plain else {
                throw .contents("zstd finds no \(chunk.plainByteCount) bytes")
            }
            self.bytes = plain
        }
    }

    /// How many bytes they are.
    public var byteCount: Int { bytes.count }

    /// Fills `space` with its values; where it throws, none of it is initialized.
    ///
    /// - Returns: which of them are there; nil when all are.
    public func read(into space: ColumnSpace) throws(ChunkError) -> [Bool]? {
        try bytes.withUnsafeBufferPointer { (bytes) throws(ChunkError) -> [Bool]? in
            let bytes = UnsafeRawBufferPointer(bytes)
            return switch form {
            case .packed: try PackedColumn.read(bytes, into: space)
            case .plain: try PlainColumn.read(bytes, into: space, areDifferences: false)
            case .differences: try PlainColumn.read(bytes, into: space, areDifferences: true)
            }
        }
    }

    /// The column of `rows` values of `type`.
    public func column(_ type: FieldType, rows: Int) throws(ChunkError) -> Column {
        switch type {
        case .double: try column(rows, ColumnSpace.doubles, Column.Values.doubles)
        case .int: try column(rows, ColumnSpace.ints, Column.Values.ints)
        case .bool: try column(rows, ColumnSpace.bools, Column.Values.bools)
        case .string: try column(rows, ColumnSpace.strings, Column.Values.strings)
        }
    }

    private func column<Element>(
        _ rows: Int,
        _ space: (UnsafeMutableBufferPointer<Element>) -> ColumnSpace,
        _ values: ([Element]) -> Column.Values
    ) throws(ChunkError) -> Column {
        var presence = Result<[Bool]?, ChunkError>.success(nil)
        let elements = [Element](unsafeUninitializedCapacity: rows) { buffer, initialized in
            do throws(ChunkError) {
                let whole = UnsafeMutableBufferPointer(rebasing: buffer[..<rows])
                presence = .success(try read(into: space(whole)))
                initialized = rows
            } catch {
                presence = .failure(error)
            }
        }
        return Column(values(elements), presence: try presence.get())
    }
}

internal import CZstd

/// Compression by libzstd in one call each.
enum Zstandard {
    /// Level 3 gains a few per cent over this one and takes twice as long.
    static let level: Int32 = 1

    static func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        let bound = ZSTD_compressBound(bytes.count)
        var failed = false
        let result = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let length = ZSTD_compress(
                buffer.baseAddress,
                bound,
                bytes.baseAddress,
                bytes.count,
                level
            )
            failed = ZSTD_isError(length) != 0
            count = failed ? 0 : length
        }
        return failed ? nil : result
    }

    /// The `count` bytes that were compressed; nil if the bytes are damaged or another number.
    ///
    /// Nothing is allocated for a count that the blocks which are there cannot give.
    static func decompress(_ bytes: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        let most = ZSTD_decompressBound(bytes.baseAddress, bytes.count)
        // The two largest numbers are errors.
        guard most < UInt64.max - 1, UInt64(count) <= most else { return nil }
        var length = 0
        let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            length = ZSTD_decompress(buffer.baseAddress, count, bytes.baseAddress, bytes.count)
            initialized = ZSTD_isError(length) == 0 ? length : 0
        }
        return length == count && result.count == count ? result : nil
    }
}

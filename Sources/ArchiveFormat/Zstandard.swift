internal import CZstd

/// Compression by libzstd.
enum Zstandard {
    /// Level 3 gains a few per cent over this one and takes twice as long.
    static let level: Int32 = 1

    static func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        Compressor().compress(bytes)
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

    /// Compresses again and again with tables that are made once.
    final class Compressor {
        private let context = ZSTD_createCCtx()

        init() {}

        deinit {
            ZSTD_freeCCtx(context)
        }

        /// A frame of `bytes`; nil where the library refuses.
        func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
            let out = ByteBuffer(capacity: ZSTD_compressBound(bytes.count))
            return compress(bytes, to: out) ? Array(out.bytes) : nil
        }

        /// Appends a frame of `bytes` to `out`; false, and nothing appended, where the library
        /// refuses.
        func compress(_ bytes: UnsafeRawBufferPointer, to out: ByteBuffer) -> Bool {
            let bound = ZSTD_compressBound(bytes.count)
            let length = ZSTD_compressCCtx(
                context,
                out.place(for: bound),
                bound,
                bytes.baseAddress,
                bytes.count,
                Zstandard.level
            )
            guard ZSTD_isError(length) == 0 else { return false }
            out.advance(length)
            return true
        }
    }
}

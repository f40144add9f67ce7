internal import CZlib

/// Compresses an answer piece by piece.
// One answer writes to it, one piece after the other, so nobody else touches it.
final class Deflater: @unchecked Sendable {
    /// How HTTP calls what comes out.
    enum Coding: String, CaseIterable {
        case gzip, deflate

        /// The first that `Accept-Encoding` takes; nil if it takes none.
        init?(accepted: String?) {
            guard let accepted else { return nil }
            let taken = Accepted(accepted).names
            guard let coding = Self.allCases.first(where: { taken.contains($0.rawValue) }) else {
                return nil
            }
            self = coding
        }
    }

    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init(_ coding: Coding) {
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream,
            ReaderLimits.compressionLevel,
            Z_DEFLATED,
            // 16 more asks for the frame of gzip.
            coding == .gzip ? MAX_WBITS + 16 : MAX_WBITS,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        precondition(status == Z_OK, "zlib takes its own constants, or there is no memory")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// What comes out for some bytes, and for all that is left if they are the last.
    func add(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        var input = bytes
        return input.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = uInt(input.count)
            var output: [UInt8] = []
            repeat {
                let room = max(4096, input.count / 4)
                output.append(
                    contentsOf: [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                        stream.pointee.next_out = buffer.baseAddress
                        stream.pointee.avail_out = uInt(room)
                        deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                        count = room - Int(stream.pointee.avail_out)
                    }
                )
                // It stops short of the room once there is no more to say.
            } while stream.pointee.avail_out == 0
            return output
        }
    }
}

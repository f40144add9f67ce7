internal import Hummingbird
internal import NIOCore
internal import Synchronization

extension Response {
    /// The answer to HEAD: what GET would get, but for the body, of which it has the length.
    ///
    /// The length has to stand there, else an end of a body would be written that nobody expects.
    consuming func withoutBody() async throws -> Response {
        if body.contentLength == nil {
            let count = ByteCount()
            try await body.write(CountingWriter(count: count))
            headers[.contentLength] = String(count.bytes.withLock { $0 })
        }
        return createHeadResponse()
    }
}

/// How many bytes were written.
private final class ByteCount: Sendable {
    let bytes = Mutex(0)
}

/// Counts what is written to it.
private struct CountingWriter: ResponseBodyWriter {
    let count: ByteCount

    @concurrent
    mutating func write(_ buffer: ByteBuffer) async throws {
        count.bytes.withLock { $0 += buffer.readableBytes }
    }

    @concurrent
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

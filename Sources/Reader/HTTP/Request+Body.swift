internal import Hummingbird
internal import NIOCore
internal import Telemetry

extension Request {
    /// The request with its body, which is taken whole or refused: at once where the head says how
    /// long it is.
    func collected() async throws -> Request {
        let stated = headers[.contentLength].map { Int($0) ?? .max } ?? 0
        guard stated <= ReaderLimits.bodyBytes else { throw RequestError.body(byteCount: stated) }
        guard stated > 0 || headers[.transferEncoding] != nil else { return self }
        var request = self
        do {
            _ = try await request.collectBody(upTo: ReaderLimits.bodyBytes)
        } catch is NIOTooManyBytesError {
            throw RequestError.body(byteCount: nil)
        }
        return request
    }
}

extension Response {
    /// The same, behind which the connection ends though the request may go on for ever.
    ///
    /// For a moment what still comes is thrown away: to close on bytes that nobody took would take
    /// the answer from the client as well, and many clients read none before they have sent all.
    func last(on channel: any Channel) -> Response {
        var response = self
        let body = body
        response.headers[.connection] = "close"
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(writer)
            let patience = TimeAmount.nanoseconds(ReaderLimits.drainTime.nanoseconds)
            channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        }
        return response
    }
}

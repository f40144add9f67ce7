internal import Hummingbird
internal import MessageBus
internal import Telemetry

/// Stands before every route: lets in what may come in, and makes every error JSON.
struct RequestGuard: RouterMiddleware {
    typealias Context = ReaderContext

    /// What exists, for errors.
    let routes: [Route]
    /// Who may come in.
    let entrance: Entrance
    /// Counts what is sent.
    let counters: QueryCounters

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response = try await answer(request, context: context, next: next)
        // Of errors, too: nobody reads what stands behind the head, but as the next answer.
        return counted(request.method == .head ? try await response.withoutBody() : response)
    }

    private func answer(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var visitor: Visitor?
        do {
            try checkLength(request)
            let request = try await request.collected()
            try entrance.checkNames(request, localAddress: context.localAddress)
            let known = try entrance.visitor(request, address: context.remoteAddress)
            visitor = known
            try entrance.checkIntent(request, known)
            let connection = await ConnectionState.of(context.channel)
            return try await Visitor.$current.withValue(known) {
                try await ConnectionState.$current.withValue(connection) {
                    try await next(request, context)
                }
            }
        } catch let error as QueryError {
            return Self.response(error.status, error.code, "\(error)", error.limit)
        } catch let error as RequestError {
            entrance.note(error, request, context.remoteAddress, visitor?.caller)
            var response = Self.response(error.status, error.code, "\(error)", error.limit)
                .allowing(error)
            if let seconds = error.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
            if case .body = error { response = response.last(on: context.channel) }
            if case .token = error {
                response.headers[.wwwAuthenticate] = "Bearer realm=\"cerro\""
            }
            return response
        } catch let error as any HTTPResponseError {
            let refusal = refusal(of: request, error.status)
            return Self.response(refusal.status, refusal.code, "\(refusal)").allowing(refusal)
        } catch {
            return Self.response(.internalServerError, .internal, "\(error)")
        }
    }

    /// The answer, whose bytes are counted as they are written.
    private func counted(_ response: Response) -> Response {
        if let count = response.body.contentLength {
            counters.sent(count)
            return response
        }
        var response = response
        response.body = response.body.map { [counters] buffer in
            counters.sent(buffer.readableBytes)
            return buffer
        }
        return response
    }

    private func checkLength(_ request: Request) throws(RequestError) {
        let count = request.uri.string.utf8.count
        guard count <= ReaderLimits.addressBytes else { throw .address(byteCount: count) }
    }

    /// What the router's own refusal means.
    private func refusal(of request: Request, _ status: HTTPResponse.Status) -> RequestError {
        guard status == .notFound else { return .other(status) }
        let here = routes.filter { $0.matches(request.uri.path) }
        guard !here.isEmpty else { return .path(request.uri.path, known: routes.map(\.path)) }
        return .method(request.method.rawValue, allowed: here.flatMap(\.allowed))
    }

    private static func response(
        _ status: HTTPResponse.Status,
        _ code: ReplyCode,
        _ message: String,
        _ limit: Int? = nil
    ) -> Response {
        var error: [String: Value] = ["code": .string(code.rawValue), "message": .string(message)]
        if let limit { error["limit"] = .int(Int64(limit)) }
        var response = Response(status, json: ["error": .map(error)])
        if code == .requestTooMany { response.headers[.retryAfter] = "1" }
        return response
    }
}

extension QueryError {
    /// The limit that was passed, for programs that ask again for less.
    fileprivate var limit: Int? {
        guard case .limit(_, _, let limit, _) = self else { return nil }
        return limit
    }
}

extension Response {
    /// An answer of JSON.
    init(_ status: HTTPResponse.Status = .ok, json value: Value) {
        var writer = JSONWriter()
        writer.write(value)
        writer.raw("\n")
        self.init(status, contentType: "application/json", writer.bytes)
    }

    /// An answer that is whole; a long one is sent in parts, each when the client has taken the one
    /// before.
    init(_ status: HTTPResponse.Status, contentType: String, _ bytes: [UInt8]) {
        let body =
            bytes.count <= ReaderLimits.textPartBytes
            ? ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            : ResponseBody(contentLength: bytes.count) { writer in
                var rest = ByteBuffer(bytes: bytes)
                while let part = rest.readSlice(
                    length: min(rest.readableBytes, ReaderLimits.textPartBytes)
                ), part.readableBytes > 0 {
                    try await writer.write(part)
                }
                try await writer.finish(nil)
            }
        self.init(status: status, headers: Self.headers(contentType: contentType), body: body)
    }

    /// With the methods that are possible, where `error` is that this one is not.
    fileprivate consuming func allowing(_ error: RequestError) -> Response {
        let methods: [HTTPRequest.Method]
        switch error {
        case .method(_, let allowed): methods = allowed
        case .needsPost: methods = [.post]
        default: return self
        }
        headers[.allow] = methods.map(\.rawValue).joined(separator: ", ")
        return self
    }

    /// Answers change with every commit, so nobody keeps them; and browsers do not guess at them.
    static func headers(contentType: String) -> HTTPFields {
        var headers = HTTPFields()
        headers[.contentType] = contentType
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }
}

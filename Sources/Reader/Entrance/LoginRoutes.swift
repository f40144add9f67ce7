internal import Access
internal import Hummingbird
internal import Telemetry

/// How a browser shows a token, and learns whose it is.
///
/// Source of the cookie's form: A. Barth, "HTTP State Management Mechanism", RFC 6265, 2011, and
/// its successor's `SameSite`.
struct LoginRoutes: Sendable {
    static let login = "/api/v1/login"
    static let cookie = "cerro"

    let entrance: Entrance

    /// What it answers.
    var routes: [Route] {
        let me = Schema.named("Visitor")
        return [
            Route(
                methods: [.get],
                path: "/api/v1/me",
                about: "who asks, and what they may do",
                answer: .json(me),
                statuses: [401, 429],
                handler: { _, _ in Response(json: Visitor.current?.value ?? .null) }
            ),
            Route(
                methods: [.post],
                path: Self.login,
                about: "takes a token as `{\"token\": …}` and gives it back as a cookie",
                isPostedAsJSON: true,
                answer: .json(me),
                statuses: [400, 401, 403, 429],
                handler: { request, context in try await logIn(request, context) }
            ),
            Route(
                methods: [.post],
                path: "/api/v1/logout",
                about: "takes the cookie away",
                answer: .json(Schema.object(["status": Schema.text])),
                statuses: [403],
                handler: { _, _ in
                    var response = Response(json: ["status": "ok"])
                    response.headers[.setCookie] = cookie("", seconds: 0)
                    return response
                }
            ),
        ]
    }

    private func logIn(_ request: Request, _ context: ReaderContext) async throws -> Response {
        let body = try? await request.body.collect(upTo: ReaderLimits.loginBytes)
        let value = body.flatMap { try? Value(json: String(buffer: $0)) }
        guard let text = value?["token"]?.string else {
            throw QueryError.parameter(
                "the body",
                found: "something else",
                expected: "a JSON map with `token`"
            )
        }
        let (token, expires) = try entrance.known(text, context.remoteAddress)
        let visitor = Visitor(
            caller: Caller(name: token.name, proof: .token(token.id)),
            grants: token.grants,
            expires: expires
        )
        let left = expires.map { ($0 - entrance.now).inSeconds } ?? .infinity
        var response = Response(json: visitor.value)
        response.headers[.setCookie] = cookie(
            text,
            seconds: Int(min(left, ReaderLimits.cookieTime.inSeconds))
        )
        return response
    }

    /// Scripts of a page cannot read it, and pages of others cannot make a browser send it.
    private func cookie(_ value: String, seconds: Int) -> String {
        "\(Self.cookie)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict"
            + (entrance.isSecure ? "; Secure" : "")
    }
}

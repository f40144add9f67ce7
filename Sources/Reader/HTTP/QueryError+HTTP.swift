internal import AgentClient
internal import Hummingbird
internal import MessageBus
internal import Telemetry

extension QueryError {
    /// How HTTP says it: the request is wrong (400, 422), asks for too much (413), or comes at a
    /// bad time (503).
    var status: HTTPResponse.Status {
        switch self {
        case .time, .parameter, .unknownParameter, .expression: .badRequest
        case .range: .unprocessableContent
        case .limit: .contentTooLarge
        case .busy, .timeout, .stopped, .archive: .serviceUnavailable
        }
    }
}

/// What HTTP refuses before any query is read.
enum RequestError: Error, CustomStringConvertible {
    /// What is wrong with a token.
    enum TokenProblem {
        case missing, wrong
        case ended(Timestamp)
    }

    /// Of what there is too much.
    enum Flood {
        case requests, failures
    }

    case host(String)
    case origin(String)
    case token(TokenProblem)
    case role(String)
    case tooMany(Flood, Duration)
    case address(byteCount: Int)
    case body(byteCount: Int?)
    case path(String, known: [String])
    case asset(String)
    case method(String, allowed: [HTTPRequest.Method])
    case needsPost(String)
    case format(accept: String)
    case notInstalled(String, package: String)
    case site(any Error)
    case other(HTTPResponse.Status)

    var code: ReplyCode {
        switch self {
        case .host, .origin, .token, .role: .refused
        case .tooMany: .requestTooMany
        case .address, .body: .queryLimit
        case .path, .asset, .method, .needsPost, .notInstalled: .actionUnknown
        case .format, .other: .requestMalformed
        case .site(ClientError.timedOut): .waitTimeout
        case .site: .targetUnknown
        }
    }

    var status: HTTPResponse.Status {
        switch self {
        case .host, .origin, .role: .forbidden
        case .token: .unauthorized
        case .tooMany: .tooManyRequests
        case .address, .body: .contentTooLarge
        case .path, .asset, .notInstalled: .notFound
        case .method, .needsPost: .methodNotAllowed
        case .format: .notAcceptable
        case .site(ClientError.unknownInstance): .notFound
        case .site(ClientError.timedOut): .gatewayTimeout
        case .site: .serviceUnavailable
        case .other(let status): status
        }
    }

    var description: String {
        switch self {
        case .host(let host):
            "the host `\(host.prefix(100))` is not this machine; a server on loopback answers to "
                + "localhost, 127.0.0.1 and [::1] only, others to their address as well, and to "
                + "what `names` of the reader says"
        case .origin(let origin):
            origin.isEmpty
                ? "a browser that shows a cookie has to say which page asks (`Origin`)"
                : "a page of `\(origin.prefix(100))` may not ask; pages of this machine may"
        case .token(.missing):
            "show a token: `Authorization: Bearer cerro_…`; `cerro token new NAME` makes one"
        case .token(.wrong): "the token is unknown here, wrong, or revoked"
        case .token(.ended(let end)):
            "the token ended at \(end): `cerro token new` makes another one"
        case .role(let text): text
        case .tooMany(.requests, let wait):
            "more than \(Int(ReaderLimits.requestsPerSecond)) requests a second: ask again in "
                + "\(wait.wholeSeconds) s"
        case .tooMany(.failures, let wait):
            "too many wrong tokens from this address: try again in \(wait.wholeSeconds) s"
        case .address(let count):
            "the address has \(count) bytes; \(ReaderLimits.addressBytes) are possible: "
                + "ask for fewer fields at a time, or use a pattern with `*`"
        case .body(let count):
            "the body has \(count.map(String.init) ?? "too many") bytes; "
                + "\(ReaderLimits.bodyBytes) are possible: send less at a time"
        case .path(let path, let known):
            "there is nothing at `\(path.prefix(100))`; "
                + NearMatch.suggestion(for: path, among: known)
                + "there are \(known.joined(separator: ", "))"
        case .asset(let path):
            "the monitor has no part `\(path.prefix(100))`; if the page asked for it, the reader "
                + "is another version since: load the page anew"
        case .method(let method, let allowed):
            "the method `\(method.prefix(20))` is not possible here; there is "
                + allowed.map(\.rawValue).joined(separator: ", ")
        case .needsPost(let path):
            "`\(path.prefix(100))` changes something, so it needs the method POST"
        case .format(let accept):
            "no form of the answer fits `Accept: \(accept.prefix(100))`; there are "
                + TextFormat.allCases.map(\.rawValue).joined(separator: ", ")
        case .notInstalled(let file, let package):
            "there is no \(file) on the reader's host; install the package \(package)"
        case .site(let error): "\(error)"
        case .other(let status): "the request failed: \(status.reasonPhrase)"
        }
    }
}

extension RequestError {
    /// Why somebody did not get in, as a word for metrics; nil for what anybody may get wrong.
    var reason: String? {
        switch self {
        case .host: "host"
        case .origin: "origin"
        case .token(.missing): "no token"
        case .token(.wrong): "wrong token"
        case .token(.ended): "token ended"
        case .role: "role"
        case .tooMany(.requests, _): "too many requests"
        case .tooMany(.failures, _): "too many wrong tokens"
        default: nil
        }
    }

    /// The limit that was passed, for programs that ask again for less.
    var limit: Int? {
        switch self {
        case .address: ReaderLimits.addressBytes
        case .body: ReaderLimits.bodyBytes
        default: nil
        }
    }

    /// After how many seconds to ask again; nil where that changes nothing.
    var retryAfter: Int? {
        guard case .tooMany(_, let wait) = self else { return nil }
        return wait.wholeSeconds
    }
}

extension Duration {
    /// Seconds, up to the next whole one, at least 1.
    fileprivate var wholeSeconds: Int { max(1, Int(inSeconds.rounded(.up))) }
}

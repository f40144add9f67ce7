internal import Access
internal import AgentRuntime
internal import Hummingbird
internal import MessageBus
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// Decides who gets in over HTTP, as whom, and how often.
///
/// With TLS everybody shows a token but for the page itself, its login and the probes of health. On
/// loopback, and behind a proxy, whoever shows none reads, and commands as far as the site has no
/// keys. A token that is shown has to be good in any case.
final class Entrance: Sendable {
    private struct Notes {
        var counts: [String: Int] = [:]
        var drops: DropCounter?
    }

    /// Who has which token.
    let access: AccessControl
    private let settings: ReaderSettings
    private let time: any TimeSource
    private let failures = RateLimiter(
        burst: ReaderLimits.failedTokens,
        perSecond: ReaderLimits.failedTokensPerSecond
    )
    private let requests = RateLimiter(
        burst: ReaderLimits.requestBurst,
        perSecond: ReaderLimits.requestsPerSecond
    )
    private let notes: Mutex<Notes>

    private let services: AgentServices?

    /// The entrance of a reader, which logs and audits refusals by `services`.
    init(
        _ settings: ReaderSettings,
        access: AccessControl,
        services: AgentServices?,
        time: any TimeSource
    ) {
        self.settings = settings
        self.access = access
        self.services = services
        self.time = time
        let drops = services.map { DropCounter(logger: $0.logger, timeSource: $0.time) }
        notes = Mutex(Notes(drops: drops))
    }

    /// The time by which tokens end.
    var now: Timestamp { time.now }

    /// Whether nobody reads without a token.
    var needsToken: Bool { settings.tls != nil }

    /// Whether a cookie is sent over TLS only.
    var isSecure: Bool { settings.tls != nil || settings.isBehindProxy }

    /// How many requests were refused, by reason.
    var refused: [String: Int] { notes.withLock { $0.counts } }

    /// Who asks.
    ///
    /// - Throws: ``RequestError``.
    func visitor(_ request: Request, address: String?) throws(RequestError) -> Visitor {
        let shown = Self.token(in: request)
        guard let shown else { return try anonymous(request, address) }
        let (token, expires) = try known(shown.text, address)
        var visitor = Visitor(
            caller: Caller(name: token.name, proof: .token(token.id), address: address),
            grants: token.grants,
            expires: expires
        )
        visitor.hasCookie = shown.isCookie
        if let wait = requests.count("token " + token.id, at: time.monotonic) {
            throw .tooMany(.requests, wait)
        }
        return visitor
    }

    /// Who shows that token, without counting a request.
    ///
    /// - Throws: ``RequestError``; the same for all that is wrong with a token, so that nobody
    ///   learns which ids there are.
    func known(
        _ text: String,
        _ address: String?
    ) throws(RequestError) -> (token: AccessTable.Token, expires: Timestamp?) {
        let shown = AccessToken(text)
        // One that is not there is compared as well, so that it takes as long.
        let token = shown.flatMap { access.table.token(id: $0.id) }
        let isRight = shown?.matches(token?.hash ?? Self.nobody) ?? false
        guard isRight, let token else {
            if let wait = failures.count(address ?? "", at: time.monotonic) {
                throw .tooMany(.failures, wait)
            }
            throw .token(.wrong)
        }
        if let end = token.expires, end <= time.now { throw .token(.ended(end)) }
        return (token, token.expires)
    }

    /// Whether whoever was let in would be let in now: a token may end while an answer goes on.
    func holds(_ visitor: Visitor) -> Bool {
        guard case .token(let id) = visitor.caller.proof else { return !needsToken }
        guard let token = access.table.token(id: id) else { return false }
        return token.expires.map { $0 > time.now } ?? true
    }

    private static let nobody = "sha256:" + String(repeating: "0", count: 64)

    private func anonymous(
        _ request: Request,
        _ address: String?
    ) throws(RequestError) -> Visitor {
        let caller = Caller(name: "http", proof: .local, address: address)
        guard needsToken else {
            let role: Role = access.table.isOpen ? .admin : .observe
            return Visitor(caller: caller, grants: [Grant(role: role)])
        }
        if let wait = requests.count("address " + (address ?? ""), at: time.monotonic) {
            throw .tooMany(.requests, wait)
        }
        guard Self.isPublic(request.uri.path) else { throw .token(.missing) }
        return Visitor(caller: caller, grants: [])
    }

    /// The page, which holds nothing of the site, and what brings one in.
    private static func isPublic(_ path: String) -> Bool {
        path == "/" || path.hasPrefix("/monitor/")
            || ["/healthz", "/readyz", LoginRoutes.login].contains(path)
    }

    /// Whether the visitor may command `operation` of `instance` as far as the reader knows: the
    /// instance knows which role the operation needs, and decides itself.
    ///
    /// - Throws: ``RequestError/role(_:)``.
    func check(
        _ visitor: Visitor,
        commands operation: String,
        of instance: String
    ) throws(RequestError) {
        let decision = access.table.decide(
            visitor.caller,
            needs: .role(.operate),
            instance: instance,
            operation: operation,
            at: time.now
        )
        if case .refused(let text) = decision { throw .role(text) }
    }

    /// Counts, logs and audits a request that gets no answer but why not.
    func note(_ error: RequestError, _ request: Request, _ address: String?, _ caller: Caller?) {
        guard let reason = error.reason else { return }
        let path = String(request.uri.path.prefix(ReaderLimits.auditedPath))
        notes.withLock { notes in
            notes.counts[reason, default: 0] += 1
            notes.drops?.count(
                reason,
                detail: "\(request.method) \(path) from \(address ?? "?"): \(error)"
            )
        }
        // A page that is looked at for the first time asks without a token, and is asked for one.
        if case .token(.missing) = error, [.get, .head].contains(request.method) { return }
        var entry = AuditEntry(
            request: "",
            outcome: .refused,
            caller: caller ?? Caller(name: "unknown", proof: .local, address: address),
            action: "http",
            operation: "\(request.method) \(path)"
        )
        entry.reason = "\(error)"
        services?.audit(entry)
    }

    // MARK: What a request shows

    /// The token of a request: its header's, else its cookie's.
    private static func token(in request: Request) -> (text: String, isCookie: Bool)? {
        if let header = request.headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1)
            let isBearer = parts.count == 2 && parts[0].lowercased() == "bearer"
            return (isBearer ? String(parts[1]) : "", false)
        }
        for cookie in (request.headers[.cookie] ?? "").split(separator: ";") {
            let parts = cookie.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == LoginRoutes.cookie { return (String(parts[1]), true) }
        }
        return nil
    }

    /// Refuses names that are not this reader's, and pages of others.
    ///
    /// A page of another site can make a browser ask this server, and by a name that resolves to
    /// its address even read the answer. The names `Host` and `Origin` give it away.
    func checkNames(
        _ request: Request,
        localAddress: String?
    ) throws(RequestError) {
        if settings.isBehindProxy { return }
        let host = request.head.authority ?? ""
        guard isOwn(host[...], localAddress) else { throw .host(host) }
        guard let origin = request.headers[.origin] else { return }
        let parts = origin.split(separator: "://", maxSplits: 1)
        let isSame = parts.count == 2 && parts[1] == host && parts[0] == scheme
        // On loopback other pages of this machine may ask as well, such as Grafana's.
        guard isSame || (!needsToken && parts.count == 2 && Authority(parts[1])?.isLoopback == true)
        else { throw .origin(origin) }
    }

    private var scheme: String { settings.tls == nil ? "http" : "https" }

    private func isOwn(_ host: Substring, _ localAddress: String?) -> Bool {
        guard let authority = Authority(host) else { return false }
        if authority.isLoopback { return true }
        let name = authority.host.lowercased()
        if settings.names.contains(where: { $0.lowercased() == name }) { return true }
        return !settings.listen.isLoopback && (name == localAddress || name == settings.listen.host)
    }

    /// Refuses to change anything for a browser that a page of another site has made ask.
    ///
    /// The cookie is `SameSite=Strict`; this is for browsers that do not know that.
    func checkIntent(_ request: Request, _ visitor: Visitor) throws(RequestError) {
        guard visitor.hasCookie, request.method != .get, request.method != .head else { return }
        let host = request.head.authority ?? ""
        let origin = request.headers[.origin]?.split(separator: "://", maxSplits: 1)
        guard let origin, origin.count == 2, origin[1] == host else {
            throw .origin(request.headers[.origin] ?? "")
        }
    }
}

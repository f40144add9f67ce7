public import Logging
public import MessageBus
public import MessagePack
public import Telemetry
internal import ZeroMQ

/// A site as a client sees it: the registry's table, requests to instances, and what they publish.
///
/// One client serves a whole program. It finds the registry at the one address that everybody
/// knows, learns from its table where the others are, and talks to them directly.
public actor SiteClient {
    private let bus: any Bus
    /// Where the registry answers.
    public nonisolated let registry: BusEndpoint
    private let site: String
    private let time: any TimeSource
    private let logger: Logger
    private let asker: Asker?
    private var requesters: [BusEndpoint: Requester] = [:]
    var live: LiveSubscriptions
    private var rows: [String: InstanceRow] = [:]

    /// The reactor that owns the client's sockets.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    /// A client of the site whose registry answers at `registry`.
    ///
    /// A registry of another site than `site` refuses it; empty, whichever it is. `asker` is for
    /// whom all is asked that does not say otherwise.
    public init(
        bus: any Bus,
        registry: BusEndpoint,
        site: String = "",
        time: any TimeSource,
        logger: Logger,
        asker: Asker? = nil
    ) {
        self.bus = bus
        self.registry = registry
        self.site = site
        self.time = time
        self.logger = logger
        self.asker = asker
        live = LiveSubscriptions(bus: bus)
    }

    /// How long a request without a limit of its own may take; and how long one that may take
    /// longer should look for who is asked.
    public static let patience = Duration.seconds(5)
    /// How long a registry that has begun may take to hear from all who live.
    public static let hearing = Duration.seconds(10)
    /// How long a request waits at most for an instance that such a registry misses, and how long
    /// until it asks again.
    static let hearingPatience = Duration.seconds(2), hearingPause = Duration.milliseconds(100)

    /// Closes all sockets.
    public func close() async {
        for requester in requesters.values { await requester.close() }
        requesters = [:]
        live.close()
    }

    /// The registry's table, by instance.
    ///
    /// - Throws: ``ClientError``.
    public func instances(timeout: Duration = patience) async throws -> [InstanceRow] {
        let reply = try await ask(
            registry,
            "the registry at \(registry)",
            Action.table,
            target: "registry",
            epoch: 0,
            ["site": .string(site)],
            asker,
            timeout,
            nil
        )
        guard reply.code == .ok else {
            throw ClientError.refused(
                code: reply.code,
                text: "the registry at \(registry) does not tell its table: \(reply.text)",
                result: reply.result
            )
        }
        guard let list = reply.result["rows"]?.array else {
            throw ClientError.malformed("the registry")
        }
        let table = list.compactMap(InstanceRow.init)
        for row in table {
            // A registry that has just begun does not know yet who lives: a connection that stands
            // does, and nobody's requests stop for it.
            if row.state == .missing, await isConnected(rows[row.instance]) { continue }
            await leave(rows[row.instance], for: row, of: table)
            rows[row.instance] = row
            // The registry's clock at its reply, moved by the offset that it saw: good to the
            // jitter of one heartbeat, until the instance itself answers.
            guard let endpoint = row.requestsEndpoint, requesters[endpoint] == nil else {
                continue
            }
            await requester(endpoint).noteClock(of: reply.clock + row.clockOffset)
        }
        live.follow(table)
        let names = Set(table.map(\.instance))
        for (name, row) in rows where !names.contains(name) {
            if await !isConnected(row) { rows[name] = nil }
        }
        return table
    }

    /// Whether the connection to where an instance was last stands.
    private func isConnected(_ row: InstanceRow?) async -> Bool {
        guard let row, row.state == .alive, let endpoint = row.requestsEndpoint else {
            return false
        }
        return await requesters[endpoint]?.isConnected ?? false
    }

    /// Ends the connection to where an instance was before, unless somebody else is there now.
    private func leave(
        _ before: InstanceRow?,
        for row: InstanceRow,
        of table: [InstanceRow]
    ) async {
        guard let before, !row.requests.isEmpty, before.requestsEndpoint != row.requestsEndpoint,
            !table.contains(where: { $0.requestsEndpoint == before.requestsEndpoint }),
            let endpoint = before.requestsEndpoint
        else { return }
        await requesters.removeValue(forKey: endpoint)?.close()
    }

    /// The row of a running instance.
    ///
    /// One that a registry misses which has just begun may be heard in a moment, and is waited for.
    ///
    /// - Throws: ``ClientError``.
    public func instance(
        _ name: String,
        timeout: Duration = patience
    ) async throws -> InstanceRow {
        let begin = time.monotonic
        let deadline = begin + min(timeout, Self.hearingPatience)
        var left = timeout
        while true {
            let table = try await instances(timeout: left)
            guard let row = table.first(where: { $0.instance == name }) else {
                let near = table.map(\.instance).filter { $0.contains(name) || name.contains($0) }
                throw ClientError.unknownInstance(name, near: near)
            }
            if !row.requests.isEmpty, row.state == .alive || row.state == .silent { return row }
            guard row.state == .missing, Self.isHearing(table), time.monotonic < deadline else {
                throw ClientError.notRunning(name, state: row.state)
            }
            try await time.sleep(for: Self.hearingPause)
            left = max(begin + timeout - time.monotonic, Self.hearingPause)
        }
    }

    /// Whether the registry of a table has just begun, and may not have heard from all who live.
    ///
    /// `now` is the time there; nil, that at which it was last heard itself.
    public static func isHearing(_ table: [InstanceRow], at now: Timestamp? = nil) -> Bool {
        // It is in its own table once it has heard from itself.
        guard let row = table.first(where: { $0.className == "Registry" }) else { return true }
        return (now ?? row.seen) - row.since < hearing
    }

    /// Sends one request to an instance and returns its reply, whatever its code.
    ///
    /// `read` makes the result of what stands there. To find who is asked may take `finding`, else
    /// all of the time.
    ///
    /// - Throws: ``ClientError``.
    public func request(
        _ instance: String,
        _ action: String,
        _ arguments: Value = [:],
        for asker: Asker? = nil,
        timeout: Duration = patience,
        finding: Duration? = nil,
        reading read: @escaping @Sendable (MessagePackView) -> Value? = { $0.value }
    ) async throws -> Reply {
        // A row is as good as the connection: without one the instance may be elsewhere by now.
        let known = await isConnected(rows[instance]) ? rows[instance] : nil
        let row: InstanceRow
        if let known {
            row = known
        } else {
            row = try await self.instance(instance, timeout: finding ?? timeout)
        }
        let what = "\(instance) at \(row.requests)"
        let reply = try await ask(
            try endpoint(of: row),
            what,
            action,
            target: instance,
            epoch: row.epoch,
            arguments,
            asker ?? self.asker,
            timeout,
            finding,
            read
        )
        guard reply.code == .requestStale else { return reply }
        // It was restarted since the table was read, or since the registry heard of it: then its
        // answer tells its epoch. Nothing was carried out, so once more is safe.
        var fresh = row
        if known != nil {
            fresh = try await self.instance(instance, timeout: finding ?? timeout)
        }
        if fresh.epoch == row.epoch, reply.epoch != row.epoch {
            fresh.epoch = reply.epoch
            rows[instance] = fresh
        } else if known == nil {
            return reply
        }
        return try await ask(
            try endpoint(of: fresh),
            what,
            action,
            target: instance,
            epoch: fresh.epoch,
            arguments,
            asker ?? self.asker,
            timeout,
            finding,
            read
        )
    }

    /// Sends one request and returns its result, or what `read` makes of it.
    ///
    /// - Throws: ``ClientError``, ``ClientError/refused(code:text:result:)`` for any other code
    ///   than `ok`.
    public func result(
        _ instance: String,
        _ action: String,
        _ arguments: Value = [:],
        timeout: Duration = patience,
        finding: Duration? = nil,
        reading read: @escaping @Sendable (MessagePackView) -> Value? = { $0.value }
    ) async throws -> Value {
        let reply = try await request(
            instance,
            action,
            arguments,
            timeout: timeout,
            finding: finding,
            reading: read
        )
        guard reply.code == .ok else {
            throw ClientError.refused(code: reply.code, text: reply.text, result: reply.result)
        }
        return reply.result
    }

    private func ask(
        _ endpoint: BusEndpoint,
        _ what: String,
        _ action: String,
        target: String,
        epoch: Int64,
        _ arguments: Value,
        _ asker: Asker?,
        _ timeout: Duration,
        _ finding: Duration?,
        _ read: @escaping @Sendable (MessagePackView) -> Value? = { $0.value }
    ) async throws -> Reply {
        do {
            return try await requester(endpoint).request(
                action,
                target: target,
                epoch: epoch,
                arguments: arguments,
                timeout: timeout,
                connecting: finding,
                asker: asker,
                reading: read
            )
        } catch {
            switch error {
            case .timedOut: throw ClientError.timedOut(what, after: timeout)
            case .refused(let reason):
                throw ClientError.refused(code: .refused, text: reason, result: .null)
            case .unreadable(_, _, let error):
                throw ClientError.malformed(what, reason: error.description)
            case .cancelled: throw CancellationError()
            case .unreachable(_, let reason):
                throw ClientError.unreachable(what, reason: "\(reason); nothing was asked of it")
            }
        }
    }

    private func endpoint(of row: InstanceRow) throws -> BusEndpoint {
        guard let endpoint = row.requestsEndpoint else {
            throw ClientError.malformed("the registry, about \(row.instance),")
        }
        return endpoint
    }

    private func requester(_ endpoint: BusEndpoint) -> Requester {
        if let requester = requesters[endpoint] { return requester }
        let requester = Requester(
            bus: bus,
            endpoint: endpoint,
            timeSource: time,
            logger: logger
        )
        requesters[endpoint] = requester
        return requester
    }
}

public import MessageBus
public import Telemetry
public import ZeroMQ

/// A site as a client sees it: the registry's table, requests to instances, and what they publish.
///
/// One client serves a whole program. It finds the registry at the one address that everybody
/// knows, learns from its table where the others are, and talks to them directly.
public actor SiteClient {
    private let bus: any Bus
    private let registry: BusEndpoint
    private let time: any TimeSource
    private var requesters: [BusEndpoint: Requester] = [:]
    private var subscriptions: [BusEndpoint: any Subscription] = [:]
    private var rows: [String: InstanceRow] = [:]
    /// Host clock less this machine's monotonic clock, by instance, from its last reply.
    private var clocks: [String: (epoch: Int64, clock: Timestamp, at: Duration)] = [:]

    /// The reactor that owns the client's sockets.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    /// A client of the site whose registry answers at `registry`.
    public init(bus: any Bus, registry: BusEndpoint, time: any TimeSource) {
        self.bus = bus
        self.registry = registry
        self.time = time
    }

    /// How long a request without a limit of its own may take.
    public static let patience = Duration.seconds(5)

    /// Closes all sockets.
    public func close() {
        for requester in requesters.values { requester.close() }
        for subscription in subscriptions.values { subscription.close() }
        requesters = [:]
        subscriptions = [:]
    }

    /// The registry's table, by instance.
    ///
    /// - Throws: ``ClientError``.
    public func instances(timeout: Duration = patience) async throws -> [InstanceRow] {
        let reply = try await ask(
            registry, "the registry at \(registry)", Action.table, target: "registry", epoch: 0,
            [:], timeout
        )
        guard let list = reply.result["rows"]?.array else {
            throw ClientError.malformed("the registry")
        }
        let table = list.compactMap(InstanceRow.init)
        for row in table {
            rows[row.instance] = row
            // The registry's clock at its reply, moved by the offset that it saw: good to the
            // jitter of one heartbeat, until the instance itself answers.
            if clocks[row.instance]?.epoch != row.epoch {
                clocks[row.instance] = (row.epoch, reply.clock + row.clockOffset, time.monotonic)
            }
        }
        rows = rows.filter { name, _ in table.contains { $0.instance == name } }
        return table
    }

    /// The row of a running instance.
    ///
    /// - Throws: ``ClientError``.
    public func instance(
        _ name: String, timeout: Duration = patience
    ) async throws -> InstanceRow {
        let table = try await instances(timeout: timeout)
        guard let row = table.first(where: { $0.instance == name }) else {
            let near = table.map(\.instance).filter { $0.contains(name) || name.contains($0) }
            throw ClientError.unknownInstance(name, near: near)
        }
        guard !row.requests.isEmpty, row.state == .alive || row.state == .silent else {
            throw ClientError.notRunning(name, state: row.state)
        }
        return row
    }

    /// Sends one request to an instance and returns its reply, whatever its code.
    ///
    /// - Throws: ``ClientError``.
    public func request(
        _ instance: String, _ action: String, _ arguments: Value = [:],
        timeout: Duration = patience
    ) async throws -> Reply {
        let known = rows[instance]
        let row: InstanceRow
        if let known, known.state == .alive {
            row = known
        } else {
            row = try await self.instance(instance, timeout: timeout)
        }
        let what = "\(instance) at \(row.requests)"
        let reply = try await ask(
            BusEndpoint(row.requests), what, action, target: instance, epoch: row.epoch,
            arguments, timeout
        )
        guard reply.code == .requestStale, known != nil else { return reply }
        // It was restarted since the table was read. Nothing was carried out, so once more is safe.
        let fresh = try await self.instance(instance, timeout: timeout)
        return try await ask(
            BusEndpoint(fresh.requests), what, action, target: instance, epoch: fresh.epoch,
            arguments, timeout
        )
    }

    /// Sends one request and returns its result.
    ///
    /// - Throws: ``ClientError``, ``ClientError/refused(code:text:result:)`` for any other code
    ///   than `ok`.
    public func result(
        _ instance: String, _ action: String, _ arguments: Value = [:],
        timeout: Duration = patience
    ) async throws -> Value {
        let reply = try await request(instance, action, arguments, timeout: timeout)
        guard reply.code == .ok else {
            throw ClientError.refused(code: reply.code, text: reply.text, result: reply.result)
        }
        return reply.result
    }

    private func ask(
        _ endpoint: BusEndpoint, _ what: String, _ action: String, target: String, epoch: Int64,
        _ arguments: Value, _ timeout: Duration
    ) async throws -> Reply {
        let requester = requester(endpoint)
        var expiry: Timestamp?
        if let clock = clocks[target], clock.epoch == epoch {
            expiry = clock.clock + (time.monotonic - clock.at) + timeout
        }
        do {
            let reply = try await requester.request(
                action, target: target, epoch: epoch, expiry: expiry, arguments: arguments,
                timeout: timeout
            )
            if target != "registry" || epoch != 0 {
                clocks[target] = (reply.epoch, reply.clock, time.monotonic)
            }
            return reply
        } catch let error as RequestError {
            switch error {
            case .timedOut: throw ClientError.timedOut(what, after: timeout)
            default: throw ClientError.unreachable(what, reason: "\(error)")
            }
        }
    }

    private func requester(_ endpoint: BusEndpoint) -> Requester {
        if let requester = requesters[endpoint] { return requester }
        let requester = Requester(bus: bus, endpoint: endpoint, time: time)
        requesters[endpoint] = requester
        return requester
    }
}

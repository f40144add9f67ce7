public import AgentClient
public import AgentRuntime
public import Logging
public import MessageBus
internal import Registry
internal import Synchronization
public import Telemetry
internal import ZeroMQ

/// A registry and agents in one process, over any bus: what `cerro up` starts, without processes.
public final class TestObservatory: Sendable {
    /// The bus that everybody is on.
    public let bus: any Bus
    /// Where the spools are.
    public let folder: TemporaryFolder
    /// Where everybody takes time from.
    public let time: any TimeSource
    /// What a test asks and commands with.
    public let client: SiteClient
    /// Where everybody logs.
    public let logger: Logger

    private let registryEndpoint: BusEndpoint
    private let expected: [InstanceRow]
    private let crew: Crew

    /// Runs `body` with a registry and `agents`, by instance id; ends them all in order.
    public static func run(
        _ agents: [String: any Agent],
        on bus: any Bus,
        start: [String: [String]] = [:],
        time: any TimeSource = SystemTimeSource(),
        _ body: @escaping @Sendable (TestObservatory) async throws -> Void
    ) async throws {
        let crew = Crew()
        try await withThrowingTaskGroup { group in
            group.addTask {
                let site = try await TestObservatory(
                    on: bus,
                    expected: agents.keys.sorted(),
                    time: time,
                    crew
                )
                let outcome: Result<Void, any Error>
                do {
                    for (instance, agent) in agents {
                        try await site.begin(
                            agent,
                            instance,
                            start: (start[instance] ?? []).map { ($0, [:]) }
                        )
                    }
                    try await site.waitUntilAlive(agents.keys.sorted())
                    try await body(site)
                    outcome = .success(())
                } catch { outcome = .failure(error) }
                await crew.endAll()
                await site.client.close()
                try outcome.get()
            }
            for await job in crew.jobs { group.addTask { await job() } }
            try await group.waitForAll()
        }
        await bus.reactor.shutdown()
    }

    private init(
        on bus: any Bus,
        expected: [String],
        time: any TimeSource,
        _ crew: Crew
    ) async throws {
        self.bus = bus
        self.time = time
        self.crew = crew
        self.expected = expected.map {
            InstanceRow(instance: $0, className: "Test", host: "test")
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        self.logger = logger
        do {
            folder = try TemporaryFolder()
            let registry = try Self.host(
                RegistryAgent(expected: self.expected, hasPredecessor: false, time: time),
                RegistryAgent.instance,
                bus,
                nil,
                [("watch", [:])],
                "\(folder.path)/registry",
                time,
                logger
            )
            let port = try await crew.begin(registry, RegistryAgent.instance)
            guard let endpoint = BusEndpoint(host: "127.0.0.1", port: port) else {
                throw AgentExit.cannotStart(instance: "registry", reason: "port \(port)")
            }
            registryEndpoint = endpoint
        } catch {
            await crew.endAll()
            throw error
        }
        client = SiteClient(bus: bus, registry: registryEndpoint, time: time, logger: logger)
    }

    /// Runs one more agent until ``end(_:)``, on the spool that the instance had last time.
    ///
    /// - Throws: what keeps it from opening its sockets.
    public func begin(
        _ agent: any Agent,
        _ instance: String,
        start: [(operation: String, parameters: [String: Value])] = []
    ) async throws {
        _ = try await crew.begin(host(agent, instance, start: start), instance)
    }

    /// Ends an agent in order and waits for that.
    public func end(_ instance: String) async {
        await crew.end(instance)
    }

    /// Ends the registry, and waits for that.
    public func endRegistry() async {
        await crew.end(RegistryAgent.instance)
    }

    /// Runs a registry at the address of the first one, which knows that it has had one before it.
    public func beginRegistryAgain() async throws {
        let registry = try Self.host(
            RegistryAgent(expected: expected, hasPredecessor: true, time: time),
            RegistryAgent.instance,
            bus,
            nil,
            [("watch", [:])],
            "\(folder.path)/registry",
            time,
            logger,
            requests: registryEndpoint.port
        )
        _ = try await crew.begin(registry, RegistryAgent.instance)
    }

    /// A host for one more agent; the test runs it.
    public func host(
        _ agent: any Agent,
        _ instance: String,
        start: [(operation: String, parameters: [String: Value])] = [],
        spool: String? = nil
    ) throws -> AgentHost {
        try Self.host(
            agent,
            instance,
            bus,
            registryEndpoint,
            start,
            spool ?? "\(folder.path)/\(instance)",
            time,
            logger
        )
    }

    private static func host(
        _ agent: any Agent,
        _ instance: String,
        _ bus: any Bus,
        _ registry: BusEndpoint?,
        _ start: [(operation: String, parameters: [String: Value])],
        _ spool: String,
        _ time: any TimeSource,
        _ logger: Logger,
        requests: Int = 0
    ) throws -> AgentHost {
        try AgentHost(
            agent,
            settings: AgentHost.Settings(
                identity: AgentIdentity(
                    instance: instance,
                    className: "Test",
                    host: "test",
                    pid: 1,
                    version: "test",
                    siteHash: ""
                ),
                requests: Binding(host: "127.0.0.1", ports: requests...requests),
                publisher: Binding(host: "127.0.0.1"),
                advertisedHost: "127.0.0.1",
                registry: registry,
                start: start
            ),
            spool: AgentHost.Spool(folder: spool, size: 1 << 30, bootID: "test"),
            bus: bus,
            time: time,
            logger: logger
        )
    }

    /// Waits until the registry's table shows the instances alive.
    public func waitUntilAlive(_ instances: [String]) async throws {
        // Its announcements are no help: nobody can subscribe to a registry that is not yet in
        // its own table.
        try await eventually("\(instances) alive") {
            let table = try await client.instances()
            let alive = Set(table.filter { $0.state == .alive }.map(\.instance))
            return alive.isSuperset(of: instances) ? true : nil
        }
    }
}

public import AgentClient
public import AgentRuntime
public import Logging
public import MessageBus
internal import Registry
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

    /// Runs `body` with a registry and `agents`, by instance id; ends them all in order.
    public static func run(
        _ agents: [String: any Agent],
        on bus: any Bus,
        start: [String: [String]] = [:],
        time: any TimeSource = SystemTimeSource(),
        _ body: @Sendable (TestObservatory) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let folder = try TemporaryFolder()
        let registry = RegistryAgent(
            expected: agents.keys.sorted().map {
                InstanceRow(instance: $0, className: "Test", host: "test")
            },
            hasPredecessor: false,
            time: time
        )
        let host = try Self.host(
            registry,
            RegistryAgent.instance,
            bus,
            nil,
            ["watch"],
            folder,
            time,
            logger
        )
        try await withThrowingTaskGroup { group in
            group.addTask { try await host.run() }
            guard let ports = await host.boundPorts(),
                let endpoint = BusEndpoint(host: "127.0.0.1", port: ports.requests)
            else { return try await group.waitForAll() }
            let observatory = TestObservatory(bus, folder, time, logger, registry: endpoint)
            var hosts: [AgentHost] = []
            for (instance, agent) in agents {
                let host = try observatory.host(agent, instance, start: start[instance] ?? [])
                hosts.append(host)
                group.addTask { try await host.run() }
            }
            do {
                try await observatory.waitUntilAlive(agents.keys.sorted())
                try await body(observatory)
            } catch {
                await observatory.end(hosts + [host])
                throw error
            }
            await observatory.end(hosts + [host])
            try await group.waitForAll()
        }
        await bus.reactor.shutdown()
    }

    private init(
        _ bus: any Bus,
        _ folder: TemporaryFolder,
        _ time: any TimeSource,
        _ logger: Logger,
        registry: BusEndpoint
    ) {
        self.bus = bus
        self.folder = folder
        self.time = time
        self.logger = logger
        registryEndpoint = registry
        client = SiteClient(bus: bus, registry: registry, time: time, logger: logger)
    }

    /// A host for one more agent; the test runs it.
    public func host(
        _ agent: any Agent,
        _ instance: String,
        start: [String] = [],
        spool: String? = nil
    ) throws -> AgentHost {
        try Self.host(
            agent,
            instance,
            bus,
            registryEndpoint,
            start,
            folder,
            time,
            logger,
            spool: spool
        )
    }

    private static func host(
        _ agent: any Agent,
        _ instance: String,
        _ bus: any Bus,
        _ registry: BusEndpoint?,
        _ start: [String],
        _ folder: TemporaryFolder,
        _ time: any TimeSource,
        _ logger: Logger,
        spool: String? = nil
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
                requests: Binding(host: "127.0.0.1"),
                publisher: Binding(host: "127.0.0.1"),
                advertisedHost: "127.0.0.1",
                registry: registry,
                start: start.map { ($0, [:]) }
            ),
            spool: AgentHost.Spool(
                folder: spool ?? "\(folder.path)/\(instance)",
                size: 1 << 30,
                bootID: "test"
            ),
            bus: bus,
            time: time,
            logger: logger
        )
    }

    /// Waits until the registry's table shows the instances alive; each of its announcements is
    /// a reason to look again.
    public func waitUntilAlive(_ instances: [String]) async throws {
        let announcements = await client.listen(to: [Action.tableTopic])
        _ = try await client.instances()
        for await _ in announcements {
            let table = try await client.instances()
            let alive = Set(table.filter { $0.state == .alive }.map(\.instance))
            if alive.isSuperset(of: instances) { return }
        }
    }

    private func end(_ hosts: [AgentHost]) async {
        for host in hosts { host.shutdown() }
        await client.close()
    }
}

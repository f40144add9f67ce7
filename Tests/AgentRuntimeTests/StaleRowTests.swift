import AgentClient
import CerroTesting
import Logging
import MessageBus
import Telemetry
import Testing
import ZeroMQ

@Suite("a client and an instance that has begun anew", .timeLimit(.minutes(10)))
struct StaleRowTests {
    // Goal: an instance was restarted, and the registry has not heard of it yet.
    // Method: a registry whose table has the epoch of before, until it is told otherwise.
    @Test("it is reached in its new epoch before the registry knows of it, and asked once")
    func beforeTheRegistryKnows() async throws {
        let bus = try InMemoryBus()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let site = OldTable(bus: bus, logger: logger)
        let registry = try await site.open()
        let client = SiteClient(
            bus: bus,
            registry: registry,
            time: SystemTimeSource(),
            logger: logger
        )
        for count in 1...3 {
            let reply = try await client.request("a", "count")
            #expect(reply.code == .ok)
            #expect(reply.result == .int(Int64(count)))
        }
        await client.close()
        await site.close()
        await bus.reactor.shutdown()
    }
}

/// A registry that knows an epoch less than there are, and the instance that it is wrong about.
private actor OldTable {
    private let bus: any Bus
    private let logger: Logger
    private var servers: [RequestServer] = []
    private var row = InstanceRow(instance: "a", className: "Test", host: "test")
    private var count: Int64 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    init(bus: any Bus, logger: Logger) {
        self.bus = bus
        self.logger = logger
    }

    /// Opens both; returns where the registry is.
    func open() throws -> BusEndpoint {
        (row.state, row.epoch) = (.alive, 7)
        row.requests = try server("a", epoch: 8).description
        return try server("registry", epoch: 1)
    }

    func close() {
        for server in servers { server.close() }
    }

    private func server(_ target: String, epoch: Int64) throws -> BusEndpoint {
        let place = servers.count
        let server = try RequestServer(
            bus: bus,
            binding: Binding(host: "127.0.0.1"),
            ledger: RequestLedger(
                target: target,
                epoch: epoch,
                withoutEffect: [Action.table],
                timeSource: SystemTimeSource()
            ),
            timeSource: SystemTimeSource(),
            logger: logger
        ) { call in self.assumeIsolated { $0.answer(call, $0.servers[place]) } }
        servers.append(server)
        return try #require(server.endpoint)
    }

    private func answer(_ call: RequestServer.Call, _ server: RequestServer) {
        if call.request.action == Action.table {
            server.answer(call, result: ["rows": [row.value]])
        } else {
            count += 1
            server.answer(call, result: .int(count))
        }
    }
}

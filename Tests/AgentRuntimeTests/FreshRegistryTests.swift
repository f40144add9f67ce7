import AgentClient
import CerroTesting
import Logging
import MessageBus
import Synchronization
import Telemetry
import Testing
import ZeroMQ

@Suite("a client and a registry that has just begun", .timeLimit(.minutes(10)))
struct FreshRegistryTests {
    // Goal: a registry was restarted, and an instance that lives has not told it yet.
    // Method: one that misses the instance in its first three tables.
    @Test(
        "who it misses is waited for, and whom an old one misses is not",
        arguments: [true, false]
    )
    func missing(isFresh: Bool) async throws {
        let bus = try InMemoryBus()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let site = LateTable(bus: bus, logger: logger, age: .seconds(isFresh ? 1 : 60))
        let client = SiteClient(
            bus: bus,
            registry: try await site.open(),
            time: LeapingTimeSource(),
            logger: logger
        )
        if isFresh {
            let row = try await client.instance("a")
            #expect(row.state == .alive)
            #expect(await site.asked == 4)
        } else {
            let error = await #expect(throws: ClientError.self) {
                try await client.instance("a")
            }
            guard case .notRunning("a", state: .missing) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(await site.asked == 1)
        }
        await client.close()
        await site.close()
        await bus.reactor.shutdown()
    }

    @Test("it is no longer waited for than the client was told")
    func bounded() async throws {
        let bus = try InMemoryBus()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let site = LateTable(bus: bus, logger: logger, age: .seconds(1), misses: .max)
        let time = LeapingTimeSource()
        let client = SiteClient(
            bus: bus,
            registry: try await site.open(),
            time: time,
            logger: logger
        )
        await #expect(throws: ClientError.self) {
            try await client.instance("a", timeout: .milliseconds(150))
        }
        #expect(await site.asked == 3)
        #expect(time.monotonic == .milliseconds(200))
        await client.close()
        await site.close()
        await bus.reactor.shutdown()
    }
}

/// Clocks that a sleeper moves to the end of its sleep; what waits beside it is never called.
private final class LeapingTimeSource: TimeSource {
    private let passed = Mutex(Duration.zero)

    var monotonic: Duration { passed.withLock { $0 } }
    var now: Timestamp { Timestamp(seconds: 1000) + monotonic }

    func sleep(untilMonotonic deadline: Duration) async throws {
        try Task.checkCancellation()
        passed.withLock { $0 = max($0, deadline) }
    }

    func call(
        atMonotonic deadline: Duration,
        _ body: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        return {}
    }
}

/// A registry of that age, which hears late of the one instance of its site.
private actor LateTable {
    private let bus: any Bus
    private let logger: Logger
    private let age: Duration
    private let misses: Int
    private var server: RequestServer?
    private(set) var asked = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    init(bus: any Bus, logger: Logger, age: Duration, misses: Int = 3) {
        self.bus = bus
        self.logger = logger
        self.age = age
        self.misses = misses
    }

    func open() throws -> BusEndpoint {
        let server = try RequestServer(
            bus: bus,
            binding: Binding(host: "127.0.0.1"),
            ledger: RequestLedger(
                target: "registry",
                epoch: 1,
                withoutEffect: [Action.table],
                timeSource: SystemTimeSource()
            ),
            timeSource: SystemTimeSource(),
            logger: logger
        ) { call in self.assumeIsolated { $0.answer(call) } }
        self.server = server
        return try #require(server.endpoint)
    }

    func close() { server?.close() }

    private func answer(_ call: RequestServer.Call) {
        asked += 1
        var own = InstanceRow(instance: "registry", className: "Registry", host: "test")
        (own.state, own.since) = (.alive, Timestamp(seconds: 1000))
        own.seen = own.since + age
        var row = InstanceRow(instance: "a", className: "Test", host: "test")
        row.state = asked > misses ? .alive : .missing
        if asked > misses { row.requests = "tcp://127.0.0.1:9" }
        server?.answer(call, result: ["rows": [own.value, row.value]])
    }
}

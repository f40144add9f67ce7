import AgentClient
import AgentRuntime
import CerroTesting
import MessageBus
import Telemetry
import Testing

/// An agent for tests: counts, fails, waits to be told.
struct TestAgent: Agent {
    static let feed = Feed("numbers", fields: [Field("n", .int), Field("x", limits: 0...10)])

    let gate = Gate()
    /// Open once the task `tell` has said everything.
    let told = Gate()

    var feeds: [Feed] { [Self.feed] }

    var operations: [AgentOperation] {
        [
            .process("count") { session in
                for await tick in session.ticks(every: .milliseconds(1)) {
                    let block = Block(timestamps: [tick], columns: [.ints([1]), .doubles([2.5])])
                    try await session.publish(Self.feed, block)
                }
            },
            .task("publish") { (session, value: Number) in
                let block = Block(
                    timestamps: [session.time.now],
                    columns: [.ints([1]), .doubles([value.x])]
                )
                try await session.publish(Self.feed, block)
            },
            .task("misfit") { session in
                try await session.publish(Self.feed, at: session.time.now, [1.5])
            },
            .task("hold", abortable: true) { session in
                session.log("waiting")
                try await gate.wait()
            },
            .task("tell") { session in
                session.log("one")
                for reading in 1...3 as ClosedRange<Int64> {
                    session.set("reading", .int(reading))
                    session.markDegraded(because: CancellationError())
                    session.markHealthy()
                    session.markHealthy()
                }
                session.log("two")
                session.markDegraded(because: CancellationError())
                await told.open()
                try await gate.wait()
            },
        ]
    }

    struct Number: OperationParameters {
        let x: Double

        init(from reader: inout ParameterReader) throws(ParameterError) {
            x = try reader.double("x", in: -100...100)
        }
    }
}

/// Opens once, for all who wait.
actor Gate {
    private var isOpen = false
    private var line: [CheckedContinuation<Void, Never>] = []

    func wait() async throws {
        guard !isOpen else { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { line.append($0) }
        } onCancel: {
            Task { await self.open() }
        }
        try Task.checkCancellation()
    }

    func waitWhateverHappens() async {
        guard !isOpen else { return }
        await withCheckedContinuation { line.append($0) }
    }

    func open() {
        isOpen = true
        for waiter in line { waiter.resume() }
        line = []
    }
}

@Suite("An agent in its runtime", .serialized)
struct AgentHostTests {
    private func run(
        start: [String] = [],
        _ body: @escaping @Sendable (TestObservatory, TestAgent) async throws -> Void
    ) async throws {
        for bus: any Bus in [try InMemoryBus(), try ZeroMQBus()] {
            let agent = TestAgent()
            try await TestObservatory.run(["a": agent], on: bus, start: ["a": start]) {
                try await body($0, agent)
            }
        }
    }

    // Goal: the limit of one caller's wait says nothing about another's.
    // Method: both wait for one session; the gate opens when the shorter wait is over.
    @Test("a wait that runs out ends nobody else's")
    func waits() async throws {
        try await run { site, agent in
            _ = try await site.client.result("a", Action.start, ["operation": "hold"])
            async let long = site.client.request(
                "a",
                Action.wait,
                ["operation": "hold", "wait_ns": 60_000_000_000],
                timeout: .seconds(60)
            )
            let short = try await site.client.request(
                "a",
                Action.wait,
                ["operation": "hold", "wait_ns": 1_000_000]
            )
            #expect(short.code == .waitTimeout)
            await agent.gate.open()
            #expect(try await long.code == .ok)
        }
    }

    @Test("a task is started, waited for and answered in one trip, and refused by name")
    func task() async throws {
        try await run { site, _ in
            let done = try await site.client.result(
                "a",
                Action.start,
                ["operation": "publish", "parameters": ["x": 1], "wait_ns": 5_000_000_000]
            )
            #expect(done["session"].flatMap(Session.init)?.success == true)
            let wrong = try await site.client.request(
                "a",
                Action.start,
                ["operation": "publish", "parameters": ["x": 101]]
            )
            #expect(wrong.code == .parameterInvalid)
            #expect(wrong.text.contains("expected a number from -100.0 to 100.0"))
            let unknown = try await site.client.request("a", Action.start, ["operation": "x"])
            #expect(unknown.code == .operationUnknown)
            let failed = try await site.client.request(
                "a",
                Action.start,
                ["operation": "misfit", "wait_ns": 5_000_000_000]
            )
            #expect(failed.code == .operationFailed)
            #expect(failed.text.contains("has 1 columns; the feed declares 2 fields"))
        }
    }

    @Test("what an operation has said of itself is there for whoever asks then")
    func telling() async throws {
        try await run { site, agent in
            _ = try await site.client.result("a", Action.start, ["operation": "tell"])
            await agent.told.waitWhateverHappens()
            let status = try await site.client.result("a", Action.status, ["operation": "tell"])
            let session = try #require(status["session"].flatMap(Session.init))
            #expect(session.status == .degraded)
            #expect(session.data == ["reading": 3])
            #expect(session.messages.map(\.text) == ["one", "two"])
            await agent.gate.open()
        }
    }

    @Test("a process runs until it is stopped; a second start is refused")
    func process() async throws {
        try await run(start: ["count"]) { site, _ in
            let busy = try await site.client.request("a", Action.start, ["operation": "count"])
            #expect(busy.code == .operationBusy)
            let stopped = try await site.client.result(
                "a",
                Action.stop,
                ["operation": "count", "wait_ns": 5_000_000_000]
            )
            let session = try #require(stopped["session"].flatMap(Session.init))
            #expect(session.status == .done)
            #expect(session.success == true)
            let idle = try await site.client.request("a", Action.stop, ["operation": "count"])
            #expect(idle.code == .operationIdle)
        }
    }

    @Test("a wait that is over leaves the task running; abort ends it")
    func waiting() async throws {
        try await run { site, _ in
            let reply = try await site.client.request(
                "a",
                Action.start,
                ["operation": "hold", "wait_ns": 1_000_000]
            )
            #expect(reply.code == .waitTimeout)
            let aborted = try await site.client.request(
                "a",
                Action.abort,
                ["operation": "hold", "wait_ns": 5_000_000_000]
            )
            #expect(aborted.code == .ok)
            #expect(aborted.result["session"].flatMap(Session.init)?.status == .done)
        }
    }

    @Test("a request that is sent twice runs once, and gets one answer")
    func once() async throws {
        try await run { site, agent in
            let row = try await site.client.instance("a")
            let endpoint = try #require(BusEndpoint(row.requests))
            let id = RequestID.random()
            for _ in 0..<2 {
                let requester = Requester(
                    bus: site.bus,
                    endpoint: endpoint,
                    timeSource: site.time,
                    logger: site.logger
                )
                let reply = try await requester.request(
                    Action.start,
                    target: "a",
                    epoch: row.epoch,
                    arguments: ["operation": "hold"],
                    timeout: .seconds(5),
                    id: id
                )
                #expect(reply.result["session"]?["session"]?.int == 1)
                await requester.close()
            }
            await agent.gate.open()
            let status = try await site.client.result(
                "a",
                Action.status,
                ["operation": "hold", "history": true]
            )
            #expect(status["history"]?.array?.count == 1)
        }
    }

    @Test("a request with another epoch is refused and nothing runs")
    func stale() async throws {
        try await run { site, _ in
            let row = try await site.client.instance("a")
            let requester = Requester(
                bus: site.bus,
                endpoint: try #require(BusEndpoint(row.requests)),
                timeSource: site.time,
                logger: site.logger
            )
            let reply = try await requester.request(
                Action.start,
                target: "a",
                epoch: row.epoch - 1,
                arguments: ["operation": "hold"],
                timeout: .seconds(5)
            )
            #expect(reply.code == .requestStale)
            await requester.close()
            let status = try await site.client.result("a", Action.status)
            #expect(status["operations"]?["hold"] == "idle")
        }
    }

    @Test("a second process with the same id is refused and told who holds it")
    func duplicate() async throws {
        try await run { site, _ in
            let second = try site.host(
                TestAgent(),
                "a",
                spool: site.folder.path + "/elsewhere"
            )
            do {
                try await second.run()
                Issue.record("the second one ran")
            } catch let exit as AgentExit {
                guard case .refused(let instance, let host, let pid, _) = exit else {
                    Issue.record("\(exit)")
                    return
                }
                #expect((instance, host) == ("a", "test"))
                #expect(pid == 1)
            }
            // The first one has noticed nothing.
            #expect(try await site.client.request("a", Action.status).code == .ok)
        }
    }

    @Test("a field beyond its limits is a fault until it is back")
    func limits() async throws {
        try await run { site, _ in
            func publish(_ x: Double) async throws -> [Fault] {
                _ = try await site.client.result(
                    "a",
                    Action.start,
                    [
                        "operation": "publish", "parameters": ["x": .double(x)],
                        "wait_ns": 5_000_000_000,
                    ]
                )
                let status = try await site.client.result("a", Action.status)
                return (status["faults"]?.array ?? []).compactMap(Fault.init)
            }
            #expect(try await publish(5).isEmpty)
            let raised = try await publish(50)
            #expect(raised.map(\.id) == ["field.limits"])
            #expect(raised.first?.subject == "numbers.x")
            #expect(try await publish(7).isEmpty)
        }
    }

    @Test("an agent describes itself: feeds, operations, parameters")
    func describe() async throws {
        try await run { site, _ in
            let description = try await site.client.result("a", Action.describe)
            let feeds = description["feeds"]?.array?.compactMap(Feed.init) ?? []
            #expect(feeds.map(\.name) == ["numbers", "sessions", "faults", "audit"])
            let operations = description["operations"]?.array ?? []
            #expect(operations[1]["parameters"]?.array?.first?["range"] == [-100.0, 100.0])
        }
    }
}

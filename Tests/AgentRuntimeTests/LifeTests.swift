import AgentClient
import ArchiveFormat
import CerroTesting
import Log
import MessageBus
import Telemetry
import Testing
import ZeroMQ

@testable import AgentRuntime

@Suite("The life of an agent", .serialized, .timeLimit(.minutes(10)))
struct LifeTests {
    // Goal: an agent is told to end while a process and a task run.
    // Method: its next life serves the log of the former one, which has to tell all of it.
    @Test("shutdown ends operations, records each change, and then the end of the epoch")
    func shutdown() async throws {
        try await TestObservatory.run(
            ["a": TestAgent()],
            on: InMemoryBus(),
            start: ["a": ["count", "hold"]]
        ) { site in
            let epoch = try await site.client.instance("a").epoch
            try await eventually("both operations run") {
                let status = try await site.client.result("a", Action.status)
                let operations = status["operations"]
                return operations?["count"] == "running" && operations?["hold"] == "running"
                    ? true : nil
            }
            await site.end("a")
            try await site.begin(TestAgent(), "a")
            try await site.waitUntilAlive(["a"])

            let history = try await Self.history(of: epoch, site)
            for operation in ["count", "hold"] {
                #expect(
                    history.changes.filter { $0.operation == operation }.map(\.status)
                        == ["starting", "running", "stopping", "done"]
                )
            }
            let newest = try await site.client.instance("a").epoch
            #expect(newest > epoch)
            #expect(history.kinds.last == .end)
            #expect(history.kinds.count { $0 == .end } == 1)
            #expect(history.state == .finished(nextEpoch: newest))
        }
    }

    /// What the log of `a` holds of an epoch.
    private static func history(
        of epoch: Int64,
        _ site: TestObservatory
    ) async throws -> (
        kinds: [RecordKind?], changes: [(operation: String, status: String)],
        state: FetchAnswer.State
    ) {
        let request = FetchRequest(
            archive: "test",
            epoch: epoch,
            after: 0,
            crc: 0,
            committedEpoch: 0,
            committedPosition: 0,
            maxBytes: 1 << 20
        )
        let result = try await site.client.result("a", Action.fetch, request.value)
        let answer = try #require(FetchAnswer(result))
        var kinds: [RecordKind?] = []
        var feeds: [Int64: Feed] = [:]
        var changes: [(operation: String, status: String)] = []
        try answer.frames.withUnsafeBytes { bytes in
            var scanner = FrameScanner(bytes)
            while case .frame(_, let payload, _)? = scanner.next() {
                try Record.withRecord(in: payload) { record in
                    kinds.append(record.header.kind)
                    let revision = record.header.revision
                    if record.header.kind == .declaration {
                        feeds[revision] = try record.declaration()
                    }
                    guard record.header.kind == .data, let feed = feeds[revision],
                        feed.name == "sessions"
                    else { return }
                    for block in try record.blocks(of: feed) {
                        guard case .strings(let names) = block.columns[1].values,
                            case .strings(let statuses) = block.columns[2].values
                        else { continue }
                        changes += zip(names, statuses).map { ($0, $1) }
                    }
                }
            }
        }
        return (kinds, changes, answer.state)
    }

    // Goal: a vendor's library hangs, and somebody stops the agent.
    // Method: a body that does not heed its cancellation, on clocks that run a hundred times as
    // fast, so that the patience of ten seconds is over in a moment.
    @Test("an operation that does not heed its end does not keep the agent")
    func deaf() async throws {
        let gate = Gate()
        try await TestObservatory.run(
            ["a": DeafAgent(gate: gate)],
            on: InMemoryBus(),
            start: ["a": ["hang"]],
            time: HurriedTimeSource(speed: 100)
        ) { site in
            try await eventually("it hangs") {
                try await site.client.result("a", Action.status)["operations"]?["hang"]
                    == "running" ? true : nil
            }
            await site.end("a")
        }
        await gate.open()
    }

    @Test("an operation starts with the agent and with the parameters of the site file")
    func autostart() async throws {
        try await TestObservatory.run([:], on: InMemoryBus()) { site in
            try await site.begin(TestAgent(), "a", start: [("publish", ["x": 50])])
            try await site.waitUntilAlive(["a"])
            let faults = try await eventually("the fault of a value of 50") {
                let status = try await site.client.result("a", Action.status)
                let faults = (status["faults"]?.array ?? []).compactMap(Fault.init)
                return faults.isEmpty ? nil : faults
            }
            #expect(faults.map(\.id) == ["field.limits"])
            #expect(faults[0].text.contains("50"))
        }
    }

    @Test("an operation that cannot start with the agent is a fault, and the agent lives")
    func autostartFails() async throws {
        try await TestObservatory.run([:], on: InMemoryBus()) { site in
            try await site.begin(TestAgent(), "a", start: [("publish", ["x": 5000])])
            try await site.waitUntilAlive(["a"])
            let row = try await eventually("the fault in the registry's table") {
                let row = try await site.client.instance("a")
                return row.faults.isEmpty ? nil : row
            }
            #expect(row.faults.map(\.id) == ["operation.failed"])
            #expect(row.faults[0].subject == "publish")
            #expect(row.faults[0].text.contains("5000"), "\(row.faults[0].text)")
        }
    }

    // Goal: faults flicker faster than the log takes them.
    // Method: all of them within one turn of the reactor, in which nothing can be recorded.
    @Test("changes beyond the limit are dropped, and it is said how many")
    func tooManyChanges() async throws {
        try await TestObservatory.run([:], on: InMemoryBus()) { site in
            let host = try site.host(TestAgent(), "a")
            async let end: Void = host.run()
            try await site.waitUntilAlive(["a"])
            let extra = 100
            host.onReactor { host in
                for number in 0..<(RuntimeLimits.pendingChanges + extra) / 2 {
                    let id = "flicker.\(number)"
                    host.raise(Fault(id: id, severity: .warning, since: host.time.now, text: "!"))
                    host.clear(id, subject: "")
                }
            }
            let fault = try await eventually("the fault that tells of it") {
                let status = try await site.client.result("a", Action.status)
                return status["faults"]?.array?.compactMap(Fault.init).first {
                    $0.id == "changes.dropped"
                }
            }
            // The recorder that waits for a change takes the first one past the queue.
            let count = try #require(fault.text.split(separator: " ").first.flatMap { Int($0) })
            #expect((extra - 1...extra).contains(count), "\(fault.text)")
            host.shutdown()
            try await end
        }
    }

    @Test("a message that is garbage, or far too long, is dropped and the agent lives on")
    func garbage() async throws {
        for bus: any Bus in [try InMemoryBus(), try ZeroMQBus()] {
            try await TestObservatory.run([:], on: bus) { site in
                let host = try site.host(TestAgent(), "a")
                async let end: Void = host.run()
                try await site.waitUntilAlive(["a"])
                let row = try await site.client.instance("a")
                let endpoint = try #require(BusEndpoint(row.requests))
                let messages: [[UInt8]] = [
                    [], [0xC1], Array("GET / HTTP/1.1\r\n\r\n".utf8),
                    [UInt8](repeating: 0x91, count: 100_000),
                    [UInt8](repeating: 0, count: BusLimits.longestRequest + 1),
                ]
                let hostile = HostilePeer(bus)
                try await hostile.send(messages, to: endpoint)
                try await eventually("four malformed messages are counted") {
                    await host.malformedRequests == 4 ? true : nil
                }
                #expect(try await site.client.request("a", Action.status).code == .ok)
                host.shutdown()
                try await end
            }
        }
    }

    @Test("a request that is too long is refused where it is made")
    func tooLong() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: InMemoryBus()) { site in
            let text = String(repeating: "x", count: BusLimits.longestRequest)
            let error = await #expect(throws: ClientError.self) {
                try await site.client.request("a", Action.start, ["operation": .string(text)])
            }
            #expect(error?.description.contains("\(BusLimits.longestRequest)") == true)
            let after = try await site.client.request("a", Action.status)
            #expect(after.code == .ok)
        }
    }

    @Test("records go out on PUB as soon as somebody listens, and cost nothing before")
    func audience() async throws {
        for bus: any Bus in [try InMemoryBus(), try ZeroMQBus()] {
            let counting = CountingBus(bus)
            try await TestObservatory.run(["a": TestAgent()], on: counting) { site in
                func publish() async throws {
                    let reply = try await site.client.request(
                        "a",
                        Action.start,
                        [
                            "operation": "publish", "parameters": ["x": 1],
                            "wait_ns": 5_000_000_000,
                        ]
                    )
                    #expect(reply.code == .ok)
                }
                let before = await counting.published("a/")
                for _ in 0..<10 { try await publish() }
                #expect(await counting.published("a/") == before)

                let live = await site.client.listen(to: ["a/numbers/"])
                _ = try await site.client.instances()
                try await eventually("somebody subscribes") {
                    await counting.hasAudience ? true : nil
                }
                try await publish()
                let first = await live.first { $0.topic == "a/numbers/" }
                #expect(first != nil)
            }
        }
    }
}

/// An agent whose operation hears of nothing until its gate is opened.
private struct DeafAgent: Agent {
    let gate: Gate

    var feeds: [Feed] { [] }
    var operations: [AgentOperation] {
        [.process("hang") { _ in await gate.waitWhateverHappens() }]
    }
}

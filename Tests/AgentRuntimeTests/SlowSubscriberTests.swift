import AgentClient
import AgentRuntime
import CerroTesting
import MessageBus
import Telemetry
import Testing
import ZeroMQ

/// Publishes as many blocks of 100 rows as it is told.
private struct FloodAgent: Agent {
    static let feed = Feed("flood", fields: [Field("x")])

    static let end = Feed("end", fields: [Field("x")])

    var feeds: [Feed] { [Self.feed, Self.end] }

    var operations: [AgentOperation] {
        [
            .task("flood") { session in
                let rows = (0..<100).map { Timestamp(seconds: 1_800_000_000 + $0) }
                let block = Block(timestamps: rows, columns: [.doubles(rows.map { _ in 1 })])
                for _ in 0..<30 {
                    try await session.publish(
                        Self.feed,
                        [Block](repeating: block, count: 1000)
                    )
                }
            },
            .task("end") { session in
                try await session.publish(Self.end, at: session.time.now, [1])
            },
        ]
    }
}

// Goal: who subscribes and does not read costs the agent a queue, and nobody else anything.
// Method: somebody subscribes to everything and does not read while 30,000 records of 1.7 kB are
// published. Then it reads: what it gets is what was kept for it, 10,000 messages in the queue and
// a few MB in the buffers of the kernel.
@Suite("A subscriber that does not read")
struct SlowSubscriberTests {
    @Test("is kept what fits its queue; the rest is dropped for it, and the log has all")
    func deaf() async throws {
        let bus = CountingBus(try ZeroMQBus())
        try await TestObservatory.run(["a": FloodAgent()], on: bus) { site in
            let endpoint = try #require(BusEndpoint(try await site.client.instance("a").publisher))
            let deaf = try RawPeer(port: endpoint.port, room: 16 << 10)
            deaf.subscribe()
            try await eventually("the agent knows of its subscriber") {
                await bus.hasAudience ? true : nil
            }
            let done = try await site.client.request(
                "a",
                Action.start,
                ["operation": "flood", "wait_ns": 60_000_000_000],
                timeout: .seconds(60)
            )
            #expect(done.code == .ok)
            let log = try await site.client.result("a", Action.log)
            #expect(log["feeds"]?["flood"]?["records"] == 30_000)
            // What was handed to the reactor goes out behind the reply.
            // On a slow machine it takes longer than anybody who takes nothing is waited for.
            let isHeld = try await eventually("all of the flood has gone out, or nobody is there") {
                guard await bus.published("a/flood/") < 30_000 else { return true }
                return await bus.hasAudience ? nil : false
            }
            #expect(bus.dropped > 0 || !isHeld)
            try await eventually("the subscriber hears again") {
                deaf.listen()
                _ = try await site.client.result("a", Action.start, ["operation": "end"])
                return deaf.isClosed ? 0 : deaf.heard["a/end/"]
            }
            let kept = deaf.heard["a/flood/"] ?? 0
            // Some of the queue is the session's own records.
            #expect(
                ((deaf.isClosed ? 0 : 9_900)...16_000).contains(kept),
                "\(kept) messages were kept"
            )
        }
    }
}

import AgentClient
import CerroTesting
import Log
import MessageBus
import Synchronization
import Telemetry
import Testing

@testable import AgentRuntime

/// Clocks of which somebody sets the wall clock, forward or back; intervals go on as they were.
final class SetClock: TimeSource {
    private let base: any TimeSource
    private let offset = Mutex(Duration.zero)

    init(_ base: any TimeSource) {
        self.base = base
    }

    var now: Timestamp { base.now + offset.withLock { $0 } }
    var monotonic: Duration { base.monotonic }

    func sleep(untilMonotonic deadline: Duration) async throws {
        try await base.sleep(untilMonotonic: deadline)
    }

    func set(to instant: Timestamp) {
        let now = base.now
        offset.withLock { $0 = instant - now }
    }
}

/// Publishes samples that are dated as it is told.
private struct DatingAgent: Agent {
    static let feed = Feed("dated", fields: [Field("x")])

    var feeds: [Feed] { [Self.feed] }

    var operations: [AgentOperation] {
        [
            .task("publish") { (session, dating: Dating) in
                let stamp = session.time.now + .seconds(Int64(dating.ahead))
                try await session.publish(Self.feed, at: stamp, [1])
            }
        ]
    }

    struct Dating: OperationParameters {
        let ahead: Double

        init(from reader: inout ParameterReader) throws(ParameterError) {
            ahead = try reader.double("ahead", in: -1e10...1e10)
        }
    }
}

@Suite("A clock that is off is told, and loses nothing")
struct ClockTests {
    static let now = Timestamp(seconds: 1_800_000_000)

    private func block(_ seconds: Int64...) -> Block {
        Block(
            timestamps: seconds.map { Timestamp(seconds: $0) },
            columns: [.doubles(seconds.map { _ in 0 })]
        )
    }

    @Test(
        "by the newest row of a block: more than 30 s ahead or behind",
        arguments: [
            (30, nil), (-30, nil), (31, "31 s ahead of"), (-31, "31 s behind"),
            (3600, "3600 s ahead of"), (-3600, "3600 s behind"),
            (-1_800_000_000, "1800000000 s behind"), (2_302_444_800, "2302444800 s ahead of"),
        ] as [(Int64, String?)]
    )
    func offsets(ahead: Int64, words: String?) {
        let feed = PublishedFeed(DatingAgent.feed)
        let change = feed.note([block(1_800_000_000 + ahead)], from: Self.now, at: Self.now)
        guard let words else {
            #expect(change == nil)
            return
        }
        guard case .raised(let fault)? = change else {
            Issue.record("no fault: \(String(describing: change))")
            return
        }
        #expect((fault.id, fault.subject, fault.severity) == ("clock", "dated", .warning))
        #expect(fault.text.contains(words))
        // The same again is no news; a right one is.
        #expect(
            feed.note([block(1_800_000_000 + ahead)], from: Self.now, at: Self.now) == nil
        )
        let cleared = feed.note([block(1_800_000_000)], from: Self.now, at: Self.now)
        guard case .cleared(let fault, at: Self.now)? = cleared else {
            Issue.record("not cleared")
            return
        }
        #expect(fault.id == "clock")
    }

    @Test("a block may be long, a feed declared to be late, a disk slow")
    func allowances() {
        let feed = PublishedFeed(DatingAgent.feed)
        let long = block(1_799_999_000, 1_800_000_000)
        #expect(feed.note([long], from: Self.now, at: Self.now) == nil)
        let slow = Self.now + .seconds(100)
        #expect(feed.note([block(1_800_000_000)], from: Self.now, at: slow) == nil)
        let late = PublishedFeed(
            Feed("late", fields: [Field("x")], lateness: .seconds(600))
        )
        let old = block(1_800_000_000 - 625)
        #expect(late.note([old], from: Self.now, at: Self.now) == nil)
        #expect(late.note([block(1_800_000_000 - 631)], from: Self.now, at: Self.now) != nil)
    }

    @Test("the fault is open until a sample is right again, and all samples are in the log")
    func fault() async throws {
        try await TestObservatory.run(["a": DatingAgent()], on: try InMemoryBus()) { site in
            func publish(_ ahead: Double) async throws -> [Fault] {
                _ = try await site.client.result(
                    "a",
                    Action.start,
                    [
                        "operation": "publish", "parameters": ["ahead": .double(ahead)],
                        "wait_ns": 5_000_000_000,
                    ]
                )
                let status = try await site.client.result("a", Action.status)
                return (status["faults"]?.array ?? []).compactMap(Fault.init)
            }
            #expect(try await publish(0).isEmpty)
            #expect(try await publish(-3600).map(\.id) == ["clock"])
            #expect(try await publish(3600).first?.text.contains("ahead of") == true)
            #expect(try await publish(1).isEmpty)
            let log = try await site.client.result("a", Action.log)
            #expect(log["feeds"]?["dated"]?["records"] == 4)
        }
    }

    // Goal: setting the wall clock neither stops an operation nor makes it hurry.
    @Test("ticks keep their spacing when the wall clock is set, and are dated by it")
    func ticks() async {
        let manual = ManualTimeSource(Self.now)
        let clock = SetClock(manual)
        let told = AsyncStream<(Timestamp, Duration)>.makeStream()
        let body = Task {
            for await tick in Ticks(time: clock, period: .seconds(1)) {
                told.continuation.yield((tick, clock.monotonic))
            }
            told.continuation.finish()
        }
        var seen: [(Timestamp, Duration)] = []
        var ticks = told.stream.makeAsyncIterator()
        let settings: [Timestamp?] = [
            nil, Self.now - .seconds(3600), nil, Timestamp(seconds: 0),
            Timestamp(seconds: 4_102_444_800), nil,
        ]
        if let first = await ticks.next() { seen.append(first) }
        for setting in settings {
            if let setting { clock.set(to: setting) }
            await manual.advance(by: .seconds(1))
            if let next = await ticks.next() { seen.append(next) }
        }
        body.cancel()
        #expect(seen.map(\.1) == (0...6).map { .seconds($0) })
        #expect(
            seen.map { $0.0 - Self.now }.map(\.inSeconds)
                == [0, 1, -3599, -3598, -1_799_999_999, 2_302_444_801, 2_302_444_802]
        )
    }

    @Test("epochs and positions grow when the clock goes back", arguments: [0, -3600, 3600])
    func epochs(seconds: Int64) async throws {
        let clock = SetClock(ManualTimeSource(Self.now))
        let disk = SimulatedDisk()
        func open() throws -> AgentLog {
            try AgentLog(folder: "spool", instance: "a", disk: disk, time: clock, bootID: "b")
        }
        var epochs: [Int64] = []
        for number in 0..<4 {
            let log = try open()
            epochs.append(log.epoch)
            _ = try await log.declare(DatingAgent.feed)
            clock.set(to: Self.now + .seconds(seconds * Int64(number + 1)))
            for _ in 0..<3 { try await log.append(DatingAgent.feed, [block(1)]) }
            #expect(log.newestPosition == 4)
            await log.close()
        }
        #expect(epochs == epochs.sorted() && Set(epochs).count == 4)
        #expect(epochs[0] == Self.now.nanoseconds)
        // A clock that went back: each follows the one before, in a range that is the boot's own.
        let range: Int64 = 1 << 32
        if seconds <= 0 { #expect(epochs[3] - epochs[0] <= 3 * range) }
    }
}

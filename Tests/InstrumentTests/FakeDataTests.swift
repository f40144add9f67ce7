import AgentRuntime
import CerroTesting
import Telemetry
import Testing

@testable import InstrumentAgents

@Suite("Fake data", .timeLimit(.minutes(10)))
struct FakeDataTests {
    @Test("messages are due at whole multiples of 1 / rate, none too early and none left out")
    func pacer() {
        var pacer = Pacer(rate: 9.5, from: .seconds(7))
        for number in 0..<1000 {
            let due = pacer.next
            #expect(pacer.take(at: due - .microseconds(50), most: 10) == 0)
            #expect(pacer.take(at: due, most: 10) == 1, "message \(number)")
        }
        #expect(pacer.next == .seconds(7) + .nanoseconds(105_263_157_895))
    }

    @Test("many messages fall due in one step, at most so many at a time")
    func pacerBatches() {
        var pacer = Pacer(rate: 500_000, from: .zero)
        #expect(pacer.take(at: .zero, most: 10_000) == 1)
        #expect(pacer.take(at: .milliseconds(5), most: 10_000) == 2500)
        #expect(pacer.wake(after: .milliseconds(5)) == .milliseconds(10))
        #expect(pacer.take(at: .milliseconds(15), most: 4000) == 4000)
        #expect(pacer.take(at: .milliseconds(15), most: 4000) == 1000)
    }

    @Test("what was missed by more than a second is left out, not made up for")
    func pacerLate() {
        var pacer = Pacer(rate: 100, from: .zero)
        #expect(pacer.take(at: .zero, most: 1000) == 1)
        #expect(pacer.take(at: .seconds(10), most: 1000) == 1)
        #expect(pacer.take(at: .milliseconds(10_100), most: 1000) == 10)
    }

    @Test("`acquire` publishes its channels at the configured rate, the same for the same seed")
    func acquire() async throws {
        let agent = FakeDataAgent(.init(channels: 3, rate: 10, rows: 2))
        for feed in agent.feeds { try feed.check() }
        var runs: [[Value?]] = []
        for _ in 0..<2 {
            let recorder = RecordingSession()
            try await withRunning({
                try await agent.acquire(recorder.session, AcquireSetting(degradationPeriod: 0))
            }) {
                await recorder.wait { $0.rows("false_temperatures") == 2 }
                await recorder.manual.advance(by: .milliseconds(200))
                await recorder.wait { $0.rows("false_temperatures") == 4 }
            }
            let expected = [-0.1, 0, 0.1, 0.2].map { recorder.manual.instant($0) }
            #expect(recorder.seen.timestamps("false_temperatures") == expected)
            runs.append(recorder.seen.values(agent.feeds[0], "channel_02"))
        }
        #expect(runs[0] == runs[1])
        #expect(Set(runs[0]).count == 4)
    }

    @Test("a session can pretend to be degraded")
    func degradation() async throws {
        let agent = FakeDataAgent(.init(rate: 1))
        let recorder = RecordingSession()
        try await withRunning({
            try await agent.acquire(recorder.session, AcquireSetting(degradationPeriod: 2))
        }) {
            await recorder.wait { $0.rows("false_temperatures") == 1 }
            await recorder.manual.advance(by: .seconds(2))
            await recorder.wait { $0.degraded != nil }
            await recorder.manual.advance(by: .seconds(2))
            await recorder.wait { $0.degraded == nil }
        }
    }

    @Test("`count` publishes 1, 2, 3")
    func count() async throws {
        let agent = FakeDataAgent(.init())
        let recorder = RecordingSession()
        try await withRunning({ try await agent.count(recorder.session) }) {
            for number in 1...3 {
                await recorder.wait { $0.rows("counter") == number }
                await recorder.manual.advance(by: .seconds(1))
            }
        }
        let numbers = recorder.seen.values(FakeDataAgent.counter, "n").prefix(3)
        #expect(numbers == [.int(1), .int(2), .int(3)])
    }

    @Test(
        "`load` ends by itself after exactly as many messages as asked for, each row once",
        arguments: [(count: 10_000, rows: 1), (count: 777, rows: 60), (count: 1, rows: 1)]
    )
    func load(count: Int, rows: Int) async throws {
        let source = LoadSource(.init(fields: 4, rows: rows, rate: 500_000))
        let recorder = RecordingSession()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await source.run(recorder.session, LoadSetting(count: count, rate: 0))
            }
            group.addTask {
                // 2,500 messages fall due in each step.
                for _ in 0..<((count - 1) / 2500 + (count > 1 ? 1 : 0)) {
                    await recorder.manual.advance(by: .milliseconds(5))
                }
            }
            try await group.waitForAll()
        }
        let seen = recorder.seen
        #expect(seen.blocks["load"]?.count == count)
        #expect(seen.data["published"] == .int(Int64(count)))
        let numbers = seen.values(source.feeds[0], "n").map { $0?.int ?? 0 }
        #expect(numbers == Array(1...Int64(count * rows)))
        let times = seen.timestamps("load")
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("several feeds of `load` are published together and share the numbers")
    func loadFeeds() async throws {
        let source = LoadSource(.init(feeds: 3, fields: 1, rate: 2))
        let recorder = RecordingSession()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await source.run(recorder.session, LoadSetting(count: 7, rate: 0))
            }
            group.addTask {
                for _ in 0..<2 { await recorder.manual.advance(by: .milliseconds(1500)) }
            }
            try await group.waitForAll()
        }
        #expect(source.feeds.map(\.name) == ["load_1", "load_2", "load_3"])
        let numbers = source.feeds.map { feed in
            recorder.seen.values(feed, "n").map { $0?.int ?? 0 }
        }
        #expect(numbers == [[1, 4, 7], [2, 5], [3, 6]])
    }

    @Test("a stopped `load` says how many it has published")
    func stoppedLoad() async throws {
        let source = LoadSource(.init(fields: 1, rows: 1, rate: 1))
        let recorder = RecordingSession()
        try await withRunning({
            try await source.run(recorder.session, LoadSetting(count: 0, rate: 2))
        }) {
            await recorder.manual.advance(by: .milliseconds(500))
            await recorder.wait { $0.rows("load") == 2 }
        }
        #expect(recorder.seen.data["published"] == .int(2))
    }

    @Test("`delay_task` reports its progress, and fails if told so", arguments: [true, false])
    func delay(succeed: Bool) async throws {
        let agent = FakeDataAgent(.init())
        let recorder = RecordingSession()
        let setting = DelaySetting(delay: 5, succeed: succeed)
        let task = Task { try await agent.delay(recorder.session, setting) }
        for step in 1...20 {
            await recorder.manual.advance(by: .milliseconds(250))
            await recorder.wait { $0.data["progress"] == .double(Double(step) / 20) }
        }
        let result = await task.result
        #expect(((try? result.get()) != nil) == succeed)
    }

    @Test("an aborted `delay_task` ends at once")
    func abort() async throws {
        let agent = FakeDataAgent(.init())
        let recorder = RecordingSession()
        let setting = DelaySetting(delay: 5, succeed: true)
        let task = Task { try await agent.delay(recorder.session, setting) }
        await recorder.manual.advance(by: .milliseconds(250))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(agent.operations.first { $0.name == "delay_task" }?.isAbortable == true)
    }
}

internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

@Suite("a disk that cannot be read is asked again before anything counts as damaged")
struct ReadTests {
    private func count(_ bench: Bench, _ isMeant: (LogEvent) -> Bool) -> Int {
        bench.told.all.count(where: isMeant)
    }

    private func open(_ bench: Bench) async throws -> AgentLog {
        let log = try bench.open(settings: AgentLog.Settings(segmentSize: 500))
        _ = try await log.declare(Bench.feed)
        for number in 0..<30 { try await log.append(Bench.feed, [Bench.block(number)]) }
        try await log.sync()
        // As if they were older: of the newest ones nobody asks the disk.
        log.state.withLock { $0.recent.clear() }
        return log
    }

    @Test("a disk that hesitates loses nothing, however often it is asked")
    func hesitates() async throws {
        let bench = Bench()
        let log = try await open(bench)
        var puller = Puller()
        puller.maxBytes = 100
        try puller.fetch(log)
        let before = puller.after
        bench.disk.become(.unreadable)
        for _ in 0..<1000 { #expect(try puller.fetch(log).state == .caughtUp) }
        bench.clock.jump(by: .seconds(20))
        for _ in 0..<1000 { #expect(try puller.fetch(log).state == .caughtUp) }
        #expect(puller.after == before)
        bench.disk.become(.fine)
        try puller.pull(log)
        #expect(puller.values == (0..<30).map(Int64.init))
        #expect(puller.losses.isEmpty)
        try await log.sync()
        #expect(count(bench) { if case .unreadable = $0 { true } else { false } } == 1)
        #expect(count(bench) { if case .readable = $0 { true } else { false } } == 1)
        await log.close()
    }

    @Test("the end of an epoch that cannot be read when the log opens is read later")
    func unreadEnd() async throws {
        let bench = Bench()
        await (try open(bench)).close()
        let path = try #require(bench.segments.last)
        let isRefusing = Flag()
        let log = try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            disk: RefusingDisk(disk: bench.disk) { _, other in isRefusing.isSet && other == path },
            time: bench.clock,
            bootID: "boot-1"
        )
        var puller = Puller()
        while try puller.fetch(log).state != .caughtUp {}
        #expect(puller.values.count < 30 && puller.losses.isEmpty)
        isRefusing.clear()
        try puller.pull(log)
        #expect(puller.values == (0..<30).map(Int64.init))
        #expect(puller.losses.isEmpty && puller.ends == 1)
        await log.close()
    }

    @Test("a segment that cannot be read for half a minute is a row, and the rest is fetched")
    func unreadable() async throws {
        let bench = Bench()
        await (try open(bench)).close()
        let path = bench.segments[1]
        let log = try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            disk: RefusingDisk(disk: bench.disk) { call, other in
                call == "open" && other == path
            },
            time: bench.clock,
            bootID: "boot-1"
        )
        var puller = Puller()
        // To the end of the first segment.
        try puller.fetch(log)
        let before = puller.after
        var tries = 0
        var answer = log.fetch(puller.request())
        while answer.count == 0, tries < 100 {
            #expect(answer.state == .caughtUp)
            tries += 1
            bench.clock.jump(by: Limits.readPause)
            answer = log.fetch(puller.request())
        }
        #expect(tries == Limits.readAttempts)
        let segments = log.state.withLock { $0.segments.map(\.first) }
        #expect(answer.losses.map(\.positions) == [(before + 1)..<segments[2]])
        #expect(answer.losses.map(\.cause) == ["damage in the spool"])
        #expect(segments[1] == before + 1)
        #expect(answer.first == segments[2])
        await log.close()
    }
}

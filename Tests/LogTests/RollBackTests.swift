internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

// Goal: an archive is never left alone with an epoch that the log's disk does not know, and never
// gets records of one that the disk may not know after the next power cut.
@Suite("what the disk of a log does not know")
struct RollBackTests {
    private func append(_ range: Range<Int>, to log: AgentLog) async throws {
        for number in range { try await log.append(Bench.feed, [Bench.block(number)]) }
    }

    @Test(
        "an epoch that a rolled-back disk has forgotten is over, and what follows it is fetched",
        arguments: [false, true]
    )
    func rolledBack(isClockSetBack: Bool) async throws {
        let bench = Bench()
        let first = try bench.open()
        _ = try await first.declare(Bench.feed)
        try await append(0..<3, to: first)
        await first.close()
        var puller = Puller()
        let snapshot = bench.disk.snapshot()
        bench.clock.jump(by: .seconds(60))
        let second = try bench.open()
        _ = try await second.declare(Bench.feed)
        try await append(3..<6, to: second)
        try puller.pull(second)
        puller.commit()
        try puller.fetch(second)
        let forgotten = second.epoch
        await second.close()
        bench.disk.restore(snapshot)

        let earlier = ManualTimeSource(Timestamp(seconds: 1_763_600_000))
        let third = try bench.open(boot: "boot-2", time: isClockSetBack ? earlier : bench.clock)
        #expect((third.epoch < forgotten) == isClockSetBack)
        _ = try await third.declare(Bench.feed)
        try await append(6..<9, to: third)
        let answer = try puller.fetch(third)
        #expect(answer.epoch == forgotten)
        // Where nothing here is newer, it goes on with what it has not said to have; one that
        // remembers how far it had come fetches nothing of that twice.
        let next = isClockSetBack ? first.epoch : third.epoch
        #expect(answer.state == .diverged(nextEpoch: next))
        try puller.pull(third)
        #expect(Set(puller.rows.map(\.value)) == Set(0..<9))
        #expect(puller.values.suffix(3) == [6, 7, 8])
        #expect(puller.losses.isEmpty)
        // What was committed of the epoch that is gone says nothing of what is here.
        #expect(third.commits["archive-1"]?.epoch ?? 0 <= third.epoch)
        await third.close()
    }

    @Test("a disk that was rolled back gives no number twice, wherever the clock is")
    func numbers() async throws {
        let bench = Bench()
        await (try await bench.declared()).close()
        let snapshot = bench.disk.snapshot()
        let earlier = ManualTimeSource(Timestamp(seconds: 1_763_600_000))
        var numbers: Set<Int64> = []
        for boot in 2..<6 {
            bench.disk.restore(snapshot)
            let log = try bench.open(boot: "boot-\(boot)", time: earlier)
            numbers.insert(log.epoch)
            await log.close()
        }
        #expect(numbers.count == 4)
    }

    @Test("nothing of an epoch is fetched before the disk knows its number")
    func unsavedNumber() async throws {
        let told = Told()
        try await withLog(SimulatedDisk(), told, refusing: ["starts", "epoch", "memory"]) {
            log,
            allow in
            _ = try await log.declare(Bench.feed)
            try await append(0..<3, to: log)
            var puller = Puller()
            try puller.pull(log)
            #expect(puller.values.isEmpty)
            #expect(told.wentToMemory == 1)
            allow()
            try await log.sync()
            try puller.pull(log)
            #expect(puller.values == [0, 1, 2])
        }
    }

    @Test("an archive waits until the disk knows it, where it knows of others")
    func unsavedArchive() async throws {
        try await withLog(SimulatedDisk(), Told(), refusing: ["commits"]) { log, allow in
            _ = try await log.declare(Bench.feed)
            try await append(0..<3, to: log)
            var alone = Puller()
            try alone.pull(log)
            #expect(alone.values == [0, 1, 2])
            var other = Puller(id: "other")
            try other.pull(log)
            #expect(other.values.isEmpty)
            allow()
            try other.pull(log)
            #expect(other.values == [0, 1, 2])
        }
    }

    /// A log on a disk that refuses to open files with such words in their path until it is
    /// allowed to.
    private func withLog(
        _ disk: SimulatedDisk,
        _ told: Told,
        refusing words: [String],
        _ body: (AgentLog, _ allow: () -> Void) async throws -> Void
    ) async throws {
        let isRefusing = Flag()
        let log = try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            disk: RefusingDisk(disk: disk) { _, path in
                isRefusing.isSet && words.contains { path.contains($0) }
            },
            time: Bench().clock,
            bootID: "boot-1",
            onEvent: { told.note($0) }
        )
        try await body(log) { isRefusing.clear() }
        await log.close()
    }
}

internal import ArchiveFormat
internal import Telemetry
internal import Testing

@testable import Log

// Goal: whatever dies in between and in whichever order, an archive gets every record once.
// Method: a schedule drawn from a seed appends, fetches, breaks the disk, kills the process or the
// power, and opens again. The archive's own disk never forgets; the agent's forgets what was not
// synced. What was synced has to arrive, in order, and nothing may arrive twice.
@Suite("under any schedule of faults every record arrives once")
struct SimulationTests {
    struct Run {
        let bench = Bench()
        var random: SeededRandom
        let settings = AgentLog.Settings(size: 1 << 20, segmentSize: 1500)
        var puller = Puller()
        var boot = 0
        var next = 0
        var accepted: [Int64] = []
        var safe = 0

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
        }

        mutating func open() async throws -> AgentLog {
            let log = try bench.open(boot: "boot-\(boot)", settings: settings)
            _ = try await log.declare(Bench.feed)
            _ = try await log.declare(Bench.durable)
            return log
        }

        mutating func append(to log: AgentLog) async throws {
            let count = 1 + random.below(5)
            let blocks = (0..<count).map { Bench.block(next + $0) }
            let isDurable = random.below(4) == 0
            try await log.append(isDurable ? Bench.durable : Bench.feed, blocks)
            accepted += (0..<count).map { Int64(next + $0) }
            next += count
            if isDurable, bench.told.wentToMemory == bench.told.recovered { safe = accepted.count }
        }

        mutating func fetch(_ log: AgentLog) throws {
            puller.maxBytes = 1 + random.below(3000)
            try puller.fetch(log)
            if random.below(3) == 0 { puller.commit() }
        }
    }

    /// The first hundred, and those that once found a mistake.
    static let seeds: [UInt64] = Array(1...100) + [427, 1358, 1388, 1583, 1589]

    @Test("appending, fetching, faults, kills and power cuts", arguments: Self.seeds)
    func schedule(seed: UInt64) async throws {
        var run = Run(seed: seed)
        for _ in 0..<6 {
            run.bench.disk.become(.fine)
            let log = try await run.open()
            for _ in 0..<(5 + run.random.below(40)) {
                switch run.random.below(12) {
                case 0..<6: try await run.append(to: log)
                case 6..<9: try run.fetch(log)
                case 9:
                    if (try? await log.sync()) != nil { run.safe = run.accepted.count }
                case 10:
                    let moods: [MemoryDisk.Mood] = [
                        .full, .short(run.random.below(300)), .failsToSync, .broken,
                        .dies(after: run.random.below(6)),
                    ]
                    run.bench.disk.become(moods[run.random.below(moods.count)])
                default: run.bench.disk.become(.fine)
                }
            }
            try await end(log, &run)
        }
        run.bench.disk.become(.fine)
        let log = try await run.open()
        try run.puller.pull(log)
        await log.close()
        try check(run, seed)
    }

    /// The log closes, or its process is killed, or its machine.
    private func end(_ log: AgentLog, _ run: inout Run) async throws {
        switch run.random.below(3) {
        case 0:
            run.bench.disk.become(.fine)
            await log.close()
            run.safe = run.accepted.count
        case 1:
            // What is in memory dies with the process: it is written before, or not counted on.
            run.bench.disk.become(.fine)
            if (try? await log.sync()) != nil { run.safe = run.accepted.count }
            await log.abandon()
            run.bench.disk.kill()
        default:
            await log.abandon()
            run.bench.disk.crash(using: &run.random)
            run.boot += 1
        }
        // Records that were not safe may be gone, and then nobody counts on them any more.
        let held = Set(run.accepted[..<run.safe])
        run.accepted = run.accepted.filter { held.contains($0) }
        run.safe = run.accepted.count
    }

    private func check(_ run: Run, _ seed: UInt64) throws {
        let values = run.puller.values
        #expect(Set(values).count == values.count, "seed \(seed): a record came twice")
        #expect(values == values.sorted(), "seed \(seed): records came out of order")
        let missing = Set(run.accepted).subtracting(values)
        #expect(missing.isEmpty, "seed \(seed): \(missing.sorted()) did not arrive")
        #expect(run.puller.undeclared == 0, "seed \(seed)")
    }
}

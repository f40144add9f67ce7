internal import ArchiveFormat
internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

// Goal: whatever a log accepted reaches an archive, or is named to it as missing, and nothing both.
// Method: a schedule drawn from a seed appends to a driven log with a small spool, fetches for two
// archives of which one is mostly away, lets the disk misbehave in every way, kills the process,
// cuts the power, and opens again. In the end both archives fetch all that is left.
@Suite("under any schedule of faults every record arrives or is named, never both")
struct AccountTests {
    struct Run {
        let bench: Bench
        var random: SeededGenerator
        var archives = [Puller(id: "near"), Puller(id: "far")]
        var boot = 0, next = 0
        var waiting: [Admission] = []
        /// What append would have returned for, by epoch.
        var accepted: [Int64: Set<Int64>] = [:]

        init(seed: UInt64) {
            bench = Bench(disk: SimulatedDisk(seed: seed))
            random = SeededGenerator(seed: seed)
        }

        func open() throws -> AgentLog {
            let told = bench.told
            return try AgentLog(
                folder: "spool",
                instance: "cryo-1",
                settings: AgentLog.Settings(size: 12_000, segmentSize: 1500, memoryLimit: 4000),
                disk: bench.disk,
                time: bench.clock,
                bootID: "boot-\(boot)",
                isDriven: true,
                onEvent: { told.note($0) }
            )
        }

        /// Both archives become known, and stay so.
        mutating func join() throws {
            let log = try open()
            try log.admit(Bench.feed)
            _ = log.work()
            for number in archives.indices {
                try archives[number].fetch(log)
                archives[number].commit()
                try archives[number].fetch(log)
            }
            bench.clock.jump(by: .seconds(2))
            _ = log.work()
            bench.disk.restart()
        }

        mutating func append(to log: AgentLog) {
            for _ in 0..<(1 + random.below(8)) {
                let feed = random.below(4) == 0 ? Bench.durable : Bench.feed
                // A full queue or memory is no loss: the agent is told.
                guard let admission = try? log.admit(feed, Bench.block(next)) else { return }
                next += 1
                waiting.append(admission)
            }
        }

        mutating func work(_ log: AgentLog) {
            _ = log.work()
            guard !bench.disk.isDead else { return }
            let kept = log.ordinals.kept
            for admission in waiting where admission.ordinal <= kept {
                accepted[admission.epoch, default: []].insert(admission.position)
            }
            waiting.removeAll { $0.ordinal <= kept }
        }

        mutating func fetch(_ log: AgentLog) throws {
            // The far one is rarely there, so that the spool fills.
            let number = random.below(8) == 0 ? 1 : 0
            archives[number].maxBytes = 1 + random.below(3000)
            let before = log.epoch
            try archives[number].fetch(log)
            if random.below(3) == 0 { archives[number].commit() }
            #expect(log.epoch == before)
        }

        mutating func misbehave() {
            let moods: [SimulatedDisk.Mood] = [
                .full(), .full(after: random.below(2000)), .short(random.below(300)),
                .failsToSync, .broken, .fails(after: random.below(6)),
                .dies(after: random.below(8)),
            ]
            bench.disk.become(moods[random.below(moods.count)])
        }
    }

    /// The first two hundred, and those that once found a mistake.
    static let seeds = Array(UInt64(1)...200) + [2161, 2302, 2467, 2964]

    @Test(arguments: Self.seeds)
    func schedule(seed: UInt64) async throws {
        var run = Run(seed: seed)
        try run.join()
        for _ in 0..<5 {
            guard let log = try? run.open() else {
                // The disk died in the middle of it.
                run.bench.disk.restart()
                continue
            }
            try? log.admit(Bench.feed)
            try? log.admit(Bench.durable)
            for _ in 0..<(10 + run.random.below(60)) where !run.bench.disk.isDead {
                switch run.random.below(12) {
                case 0..<4: run.append(to: log)
                case 4..<7: run.work(log)
                case 7..<9: try run.fetch(log)
                case 9: run.bench.clock.jump(by: .milliseconds(run.random.below(1500)))
                case 10: run.misbehave()
                default: run.bench.disk.become(.fine)
                }
            }
            await end(log, &run)
            if run.random.below(3) == 0 { run.bench.disk.become(.dies(after: run.random.below(9))) }
        }
        run.bench.disk.restart()
        let log = try run.open()
        for number in run.archives.indices { try run.archives[number].pull(log) }
        await log.close()
        for archive in run.archives { check(archive, run, seed) }
    }

    /// The log closes, or its process is killed, or its machine.
    private func end(_ log: AgentLog, _ run: inout Run) async {
        switch run.random.below(3) {
        case 0 where !run.bench.disk.isDead:
            run.bench.disk.become(.fine)
            await log.close()
        case 1:
            await log.abandon()
            run.bench.disk.restart()
        default:
            await log.abandon()
            run.bench.disk.powerCut()
            run.boot += 1
        }
        run.waiting = []
    }

    private func check(_ archive: Puller, _ run: Run, _ seed: UInt64) {
        let rows = archive.losses
        #expect(Set(archive.values).count == archive.values.count, "seed \(seed): twice")
        for (epoch, accepted) in run.accepted {
            let came = archive.positions[epoch] ?? []
            var named: Set<Int64> = []
            var openEnd = Int64.max
            for row in rows where row.epoch == epoch {
                if let first = row.first, row.count == nil { openEnd = min(openEnd, first) }
                for position in row.positions ?? 0..<0 {
                    #expect(
                        named.insert(position).inserted,
                        "seed \(seed), \(archive.id): \(position) is in two rows"
                    )
                }
            }
            #expect(
                came.isDisjoint(with: named) && !came.contains { $0 >= openEnd },
                "seed \(seed), \(archive.id): named as missing, and there: \(rows)"
            )
            for loss in archive.lossRecords where loss.epoch == epoch {
                named.formUnion(loss.first..<(loss.first + loss.count))
            }
            let isForgotten = rows.contains { row in
                row.cause == LossCause.forgotten && row.epoch ?? 0 <= epoch
                    && epoch < row.to.nanoseconds
            }
            let silent = accepted.subtracting(came).subtracting(named)
                .filter { $0 < openEnd && !isForgotten }
            #expect(
                silent.isEmpty,
                "seed \(seed), \(archive.id), epoch \(epoch): \(silent.sorted()) of \(rows)"
            )
        }
        // A sync that failed may have taken declarations; the archive keeps what it cannot read.
        let causes = rows.map(\.cause) + archive.lossRecords.map(\.cause)
        #expect(archive.undeclared == 0 || causes.contains(LossCause.unsynced), "seed \(seed)")
    }
}

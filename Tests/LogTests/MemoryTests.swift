internal import ArchiveFormat
internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

// Goal: records that were only in memory when the process ended are rows, exactly.
// Method: the disk refuses, records are appended, the process is killed (what it wrote stays).
@Suite("what died in memory is told")
struct MemoryTests {
    private func open(_ bench: Bench, boot: String = "boot-1") async throws -> AgentLog {
        let log = try await bench.declared(boot: boot)
        return log
    }

    private func append(_ range: Range<Int>, to log: AgentLog) async throws {
        for number in range { try await log.append(Bench.feed, [Bench.block(number)]) }
    }

    private func kill(_ log: AgentLog, _ bench: Bench) async {
        await log.abandon()
        bench.disk.restart()
    }

    private func isOfMemory(_ row: LedgerEntry) -> Bool {
        row.cause.hasPrefix("kept in memory while the spool could not be written (")
            && row.cause.hasSuffix("), and the process ended")
    }

    @Test("a row names them; for an archive that fetched some, only the others")
    func killed() async throws {
        let bench = Bench()
        let log = try await open(bench)
        try await append(0..<3, to: log)
        bench.disk.become(.full())
        try await append(3..<6, to: log)
        var ahead = Puller(id: "ahead")
        try ahead.pull(log)
        try await append(6..<10, to: log)
        let epoch = log.epoch
        await kill(log, bench)
        let next = try await open(bench)
        var behind = Puller(id: "behind")
        try behind.pull(next)
        try ahead.pull(next)
        #expect(behind.values == [0, 1, 2])
        #expect(ahead.values == [0, 1, 2, 3, 4, 5])
        // Position 1 is the declaration, which the segment behind the failure repeats at 6.
        #expect(behind.losses.map(\.positions) == [5..<13])
        #expect(ahead.losses.map(\.positions) == [9..<13])
        for row in behind.losses + ahead.losses {
            #expect(isOfMemory(row), "\(row.cause)")
            #expect(row.cause.contains("no space left"))
            #expect(row.epoch == epoch)
            #expect(row.from < row.to)
        }
        // An archive that joins now has lost nothing of what is gone.
        await next.close()
        let last = try await open(bench)
        #expect(last.fetch(behind.request()).losses.isEmpty)
        await last.close()
    }

    // Goal: what a full spool drops just before the disk refuses is not told as lost in memory.
    // Method: the loss record stays in memory, what it is about has gone from the disk.
    @Test("what loss records in memory tell has its own cause")
    func losses() async throws {
        let bench = Bench()
        let log = try await open(bench)
        let epoch = log.epoch
        try await append(0..<4, to: log)
        var puller = Puller()
        try puller.pull(log)
        try await append(4..<9, to: log)
        try await log.sync()
        bench.disk.become(.full())
        try await append(9..<10, to: log)
        let now = bench.clock.now
        let cause = LossCause.spoolFull
        let loss = RecordLoss(epoch: epoch, first: 1, count: 8, from: now, to: now, cause: cause)
        log.state.withLock { $0.encode(.loss(loss), published: now) }
        try await append(10..<12, to: log)
        for segment in bench.segments { try bench.disk.remove(segment) }
        await kill(log, bench)
        for _ in 0..<2 {
            let next = try await open(bench)
            var reader = puller
            try reader.pull(next)
            // The last row is about what may have been behind, of which nothing is held.
            let rows = reader.losses
            #expect(rows.map(\.positions) == [6..<9, 9..<11, 11..<16, nil])
            #expect(rows.prefix(2).map(\.cause) == [cause, LossCause.gone])
            #expect(rows.count > 2 && isOfMemory(rows[2]))
            await next.close()
        }
    }

    @Test("what was written in the end, or fetched by everybody, is in no row")
    func recovered() async throws {
        let bench = Bench()
        let log = try await open(bench)
        bench.disk.become(.full())
        try await append(0..<5, to: log)
        bench.disk.become(.fine)
        try await log.sync()
        try await append(5..<7, to: log)
        await kill(log, bench)
        let next = try await open(bench)
        var puller = Puller()
        try puller.pull(next)
        #expect(puller.values == [0, 1, 2, 3, 4, 5, 6])
        #expect(puller.losses.isEmpty)
        bench.disk.become(.full())
        try await append(7..<9, to: next)
        try puller.pull(next)
        await kill(next, bench)
        let last = try await open(bench)
        try puller.pull(last)
        #expect(puller.values == [0, 1, 2, 3, 4, 5, 6, 7, 8])
        #expect(puller.losses.isEmpty)
        await last.close()
    }

    @Test("a disk that stays full over many processes: each has its row")
    func again() async throws {
        let bench = Bench()
        var puller = Puller()
        let first = try await open(bench)
        try await append(0..<1, to: first)
        try puller.pull(first)
        puller.commit()
        await first.close()
        var epochs: [Int64] = []
        for number in 0..<5 {
            bench.disk.become(.full())
            let log = try await open(bench, boot: "boot-\(number / 3)")
            try await append(0..<(2 + number), to: log)
            epochs.append(log.epoch)
            await kill(log, bench)
        }
        // Twice, so that it is the table that remembers.
        for _ in 0..<2 {
            let log = try await open(bench, boot: "boot-1")
            try await append(100..<101, to: log)
            await log.close()
        }
        let log = try await open(bench, boot: "boot-1")
        try puller.pull(log)
        let rows = puller.losses.filter(isOfMemory)
        #expect(rows.map(\.epoch) == epochs)
        #expect(rows.map(\.first) == [1, 1, 1, 1, 1])
        #expect(rows.map(\.count) == [4, 5, 6, 7, 8])
        #expect(puller.values == [0, 100, 100])
        puller.commit()
        try puller.fetch(log)
        await log.close()
        // Everybody has been told: nobody has to remember.
        let last = try await open(bench, boot: "boot-1")
        #expect(last.state.withLock { $0.epochs.count { $0.memory != nil } } == 0)
        await last.close()
    }

    @Test("a log that closes while the disk refuses leaves a row as well")
    func closed() async throws {
        let bench = Bench()
        let log = try await open(bench)
        try await append(0..<1, to: log)
        bench.disk.become(.full())
        try await append(1..<4, to: log)
        await log.close()
        bench.disk.restart()
        let next = try await open(bench)
        var puller = Puller()
        try puller.pull(next)
        #expect(puller.losses.map(\.positions) == [3..<7])
        await next.close()
    }

    @Test("where not even that can be noted, the log says so")
    func unnoted() async throws {
        let bench = Bench()
        let log = try await open(bench)
        bench.disk.become(.broken)
        try await append(0..<3, to: log)
        let unnoted = bench.told.all.compactMap { event -> DiskError? in
            if case .inMemory(_, let unnoted) = event { unnoted } else { nil }
        }
        #expect(unnoted.count == 1)
        bench.disk.become(.fine)
        try await log.sync()
        bench.disk.become(.full())
        try await append(3..<4, to: log)
        await kill(log, bench)
        let next = try await open(bench)
        var puller = Puller()
        try puller.pull(next)
        // The file that could not be written was opened again as soon as it could.
        #expect(puller.losses.map(\.positions) == [6..<7])
        await next.close()
    }

    // Goal: what was read once after a failed sync is not lost to a power cut later.
    // Method: a sync fails, the process is killed; the next one reads, then the power goes.
    @Test("what a failed sync leaves in doubt is written anew", arguments: UInt64(0)..<20)
    func failedSync(seed: UInt64) async throws {
        let bench = Bench(disk: SimulatedDisk(seed: seed))
        let log = try await open(bench)
        try await append(0..<3, to: log)
        try await log.sync()
        try await append(3..<8, to: log)
        bench.disk.become(.failsToSync)
        await #expect(throws: LogError.self) { try await log.sync() }
        await kill(log, bench)
        let next = try await open(bench)
        var before = Puller(id: "before")
        try before.pull(next)
        await next.abandon()
        bench.disk.powerCut()
        let last = try await open(bench, boot: "boot-2")
        var after = Puller(id: "after")
        try after.pull(last)
        let came = after.positions[log.epoch] ?? []
        #expect(came == before.positions[log.epoch])
        let named = after.losses.filter { $0.epoch == log.epoch && $0.count != nil }
            .flatMap { Array($0.positions ?? 0..<0) }
        #expect(came.isDisjoint(with: named))
        #expect(came.union(named).isSuperset(of: 1...9))
        await last.close()
    }

    // Goal: the same for what a killed process left to the kernel.
    // Method: the next one cannot sync that; the one after it can, or believes so; then the power
    // goes.
    @Test("what could not be synced at the start is written anew", arguments: UInt64(0)..<20)
    func failedSyncAtStart(seed: UInt64) async throws {
        let bench = Bench(disk: SimulatedDisk(seed: seed))
        let log = try await open(bench)
        try await append(0..<8, to: log)
        await kill(log, bench)
        bench.disk.become(.failsToSync)
        for _ in 0..<2 { await kill(try await open(bench), bench) }
        bench.disk.powerCut()
        let last = try await open(bench, boot: "boot-2")
        var puller = Puller()
        try puller.pull(last)
        #expect(puller.values == (0..<8).map(Int64.init))
        #expect(!puller.losses.contains { $0.epoch == log.epoch })
        await last.close()
    }

    // Goal: the file tells one state or the other, whenever the process dies in writing it.
    @Test("a note that is cut short leaves the one before", arguments: 0..<12)
    func torn(calls: Int) async throws {
        let bench = Bench()
        let log = try await open(bench)
        try await append(0..<2, to: log)
        bench.disk.become(.full())
        try await append(2..<4, to: log)
        bench.disk.become(.dies(after: calls))
        let time = bench.clock
        time.jump(by: .seconds(2))
        try? await log.append(Bench.feed, [Bench.block(4)])
        await kill(log, bench)
        let next = try await open(bench)
        var puller = Puller()
        try puller.pull(next)
        let named = Set(puller.losses.flatMap { Array($0.positions ?? 0..<0) })
        let came = puller.positions[log.epoch] ?? []
        #expect(named.isDisjoint(with: came))
        #expect(named.union(came).isSuperset(of: 1...5))
        await next.close()
    }
}

internal import ArchiveFormat
internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

// Goal: whatever an archive does not get has a row with its epoch, its positions and its cause,
// and what it gets has none.
@Suite("a loss has positions and its true cause")
struct LossTests {
    private func append(_ range: Range<Int>, to log: AgentLog) async throws {
        for number in range { try await log.append(Bench.feed, [Bench.block(number)]) }
        try await log.sync()
    }

    /// The positions of an epoch that came, that rows name, and that loss records name.
    private func check(_ puller: Puller, _ epoch: Int64, through last: Int64) {
        var named: Set<Int64> = []
        for row in puller.losses where row.epoch == epoch {
            for position in row.positions ?? 0..<0 {
                #expect(named.insert(position).inserted, "\(position) is in two rows")
            }
        }
        #expect(named.isDisjoint(with: puller.positions[epoch] ?? []))
        for loss in puller.lossRecords where loss.epoch == epoch {
            named.formUnion(loss.first..<(loss.first + loss.count))
        }
        let came = puller.positions[epoch] ?? []
        #expect(Set(1...last).subtracting(came).subtracting(named).isEmpty)
    }

    @Test("what a full spool dropped before an archive got it is a row of exactly that")
    func spoolFull() async throws {
        let bench = Bench()
        let log = try await bench.declared(settings: SpoolTests.small)
        try await append(0..<10, to: log)
        var puller = Puller()
        try puller.pull(log)
        let after = puller.after
        try await append(10..<2000, to: log)
        // The log's own thread may still be deleting.
        let before = log.status.oldest
        try puller.fetch(log)
        let later = log.status.oldest
        let row = try #require(puller.losses.first)
        let positions = try #require(row.positions)
        #expect(positions.lowerBound == after + 1)
        #expect((before...later).contains(positions.upperBound))
        #expect(row.epoch == log.epoch)
        #expect(row.cause == "spool full")
        #expect(row.from < row.to)
        var joining = Puller(id: "joining")
        try joining.pull(log)
        #expect(joining.losses.isEmpty)
        try puller.pull(log)
        #expect(puller.losses.count == 1)
        check(puller, log.epoch, through: puller.after)
        await log.close()
    }

    @Test("an archive that was forgotten is told so, and what went after it came back is separate")
    func forgotten() async throws {
        let bench = Bench()
        let log = try await bench.declared(settings: SpoolTests.small)
        try await append(0..<10, to: log)
        var puller = Puller()
        try puller.pull(log)
        let after = puller.after
        log.forget(archive: puller.id)
        try await append(10..<2000, to: log)
        // The log's own thread may still be deleting.
        let before = log.status.oldest
        let told = log.fetch(puller.request()).losses
        let back = try #require(told.first?.positions?.upperBound)
        #expect((before...log.status.oldest).contains(back))
        #expect(told.map(\.positions) == [(after + 1)..<back])
        #expect(told.map(\.cause) == [LossCause.forgotten])
        try await append(2000..<4000, to: log)
        let rows = log.fetch(puller.request()).losses
        #expect(rows.map(\.cause) == [LossCause.forgotten, "spool full"])
        let end = try #require(rows.last?.positions?.upperBound)
        #expect((back + 1...log.status.oldest).contains(end))
        #expect(rows.map(\.positions) == [(after + 1)..<back, back..<end])
        await log.close()
        #expect(bench.disk.paths.contains("spool/commits"))
    }

    @Test("an archive that comes back when its epoch is gone is told that the log had forgotten it")
    func forgottenEpoch() async throws {
        let bench = Bench()
        let old = try await bench.declared()
        try await append(0..<10, to: old)
        var puller = Puller()
        try puller.pull(old)
        puller.commit()
        old.forget(archive: puller.id)
        var other = Puller(id: "other")
        try other.pull(old)
        await old.close()
        let log = try await bench.declared()
        try await append(10..<20, to: log)
        try other.pull(log)
        other.commit()
        try other.fetch(log)
        try await append(20..<21, to: log)
        await log.close()
        let last = try bench.open()
        let after = puller.after
        #expect(try puller.fetch(last).state == .gone(nextEpoch: log.epoch))
        #expect(puller.losses.map(\.first) == [after + 1])
        #expect(puller.losses.map(\.count) == [nil])
        #expect(puller.losses.map(\.cause) == [LossCause.forgotten])
        try puller.pull(last)
        #expect(puller.losses.count == 1)
        await last.close()
    }

    @Test("damage at any place of a closed epoch is a row of exactly the records that it hit")
    func damage() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await append(0..<20, to: log)
        let epoch = log.epoch
        await log.close()
        let path = bench.segments[0]
        let whole = bench.disk.bytes(of: path)
        for offset in stride(from: 0, to: whole.count, by: 7) {
            for length in [1, 100] {
                bench.disk.damage(path) { bytes in
                    bytes = whole
                    for place in offset..<min(offset + length, whole.count) { bytes[place] ^= 0x55 }
                }
                let next = try bench.open()
                var puller = Puller()
                try puller.pull(next)
                check(puller, epoch, through: 22)
                let damaged = puller.losses.filter { $0.epoch == epoch }
                #expect(damaged.map(\.cause) == ["damage in the spool"])
                #expect((1...6).contains(damaged.first?.count ?? 0))
                await next.abandon()
                bench.disk.restart()
            }
        }
    }

    @Test("damage at the end of an epoch that was not closed is told from where, not how much")
    func damagedTail() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await append(0..<3, to: log)
        await log.abandon()
        bench.disk.restart()
        bench.disk.damage(bench.segments[0]) { $0[$0.count - 1] ^= 1 }
        let next = try bench.open()
        var puller = Puller()
        try puller.pull(next)
        #expect(puller.losses.map(\.cause) == ["damage in the spool"])
        #expect(puller.losses.map(\.first) == [4])
        #expect(puller.losses.map(\.count) == [nil])
        await next.close()
    }

    @Test("what a power cut took is told behind the last record that the log or the archive has")
    func powerLoss() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await append(0..<3, to: log)
        for number in 3..<6 { try await log.append(Bench.feed, [Bench.block(number)]) }
        var ahead = Puller(id: "ahead")
        try ahead.pull(log)
        ahead.commit()
        var behind = Puller(id: "behind")
        try behind.fetch(log)
        behind.after = 2
        behind.crc = 0
        let epoch = log.epoch
        behind.positions[epoch] = [1, 2]
        await log.abandon()
        bench.disk.powerCut()
        for number in 0..<3 {
            // The log may be opened any number of times before an archive comes back.
            let next = try bench.open(boot: "boot-\(number + 2)")
            _ = try await next.declare(Bench.feed)
            await next.close()
        }
        let last = try bench.open(boot: "boot-9")
        for puller in [ahead, behind] {
            var puller = puller
            puller.losses = []
            try puller.pull(last)
            let rows = puller.losses.filter { $0.epoch == epoch }
            #expect(rows.map(\.cause) == ["power loss, at most 1 s"])
            #expect(rows.map(\.count) == [nil])
            let newest = puller.positions[epoch]?.max() ?? 0
            #expect(rows.map(\.first) == [newest + 1])
            #expect(newest == 7 || puller.id == "behind")
            #expect(puller.losses.count == rows.count)
        }
        await last.close()
    }

    // Goal: the process dies between the loss record and the deletion of the segment.
    // Method: nothing can be deleted; then the log is opened again, where it can.
    @Test("a segment that is still there after its loss record is fetched, and lost to nobody")
    func stillThere() async throws {
        let bench = Bench()
        let log = try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            settings: SpoolTests.small,
            disk: RefusingDisk(disk: bench.disk) { call, path in
                call == "unlink" && path.hasSuffix(".log")
            },
            time: bench.clock,
            bootID: "boot-1"
        )
        _ = try await log.declare(Bench.feed)
        try await append(0..<10, to: log)
        var ahead = Puller(id: "ahead")
        try ahead.pull(log)
        var behind = ahead
        behind.id = "behind"
        try await append(10..<1500, to: log)
        try ahead.pull(log)
        #expect(ahead.losses.count == 1)
        let epoch = log.epoch
        await log.abandon()
        bench.disk.restart()
        let next = try bench.open(settings: AgentLog.Settings(segmentSize: 2000))
        _ = try await next.declare(Bench.feed)
        #expect(next.status.oldest == 1)
        try ahead.pull(next)
        try behind.pull(next)
        #expect(ahead.losses.count == 1)
        #expect(behind.losses.isEmpty)
        #expect(behind.values == (0..<1500).map(Int64.init))
        check(ahead, epoch, through: ahead.positions[epoch]?.max() ?? 0)
        // What the loss records say is there: they stand behind it.
        for loss in behind.lossRecords {
            let named = Set(loss.first..<(loss.first + loss.count))
            #expect(named.isSubset(of: behind.positions[epoch] ?? []))
        }
        #expect(!behind.lossRecords.isEmpty)
        await next.close()
    }

    @Test("a process that was killed long before the power cut lost nothing by it")
    func killedBeforePowerLoss() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        for number in 0..<5 { try await log.append(Bench.feed, [Bench.block(number)]) }
        await log.abandon()
        bench.disk.restart()
        let next = try await bench.declared()
        await next.abandon()
        bench.disk.powerCut()
        let last = try bench.open(boot: "boot-2")
        var puller = Puller()
        try puller.pull(last)
        #expect(puller.values == [0, 1, 2, 3, 4])
        #expect(puller.losses.map(\.epoch) == [next.epoch])
        #expect(puller.losses.map(\.cause) == ["power loss, at most 1 s"])
        await last.close()
    }

    // Goal: a loss record is not lost itself.
    // Method: an old epoch is dropped, and then the segments whose loss records say so.
    @Test("a loss record that is dropped is told again")
    func lossOfLosses() async throws {
        let bench = Bench()
        let old = try await bench.declared(settings: SpoolTests.small)
        try await append(0..<50, to: old)
        var puller = Puller()
        try puller.fetch(old)
        puller.rows = []
        let epoch = old.epoch
        await old.close()
        let log = try await bench.declared(settings: SpoolTests.small)
        // Three times the spool.
        for number in 0..<40 { try await append((number * 100)..<(number * 100 + 100), to: log) }
        #expect(log.status.byteCount < 45_000)
        let current = log.epoch
        puller.after = 10
        puller.crc = 0
        puller.positions[epoch] = Set(1...10)
        puller.losses = []
        try puller.pull(log)
        check(puller, epoch, through: 52)
        check(puller, current, through: puller.after)
        await log.close()
    }
}

internal import ArchiveFormat
internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

@Suite("a spool frees what everybody has and names what it drops")
struct SpoolTests {
    static let small = AgentLog.Settings(size: 40_000, segmentSize: 2000)

    @Test("a segment goes when every archive has committed it, and not before")
    func commits() async throws {
        let bench = Bench()
        let log = try bench.open(settings: AgentLog.Settings(segmentSize: 2000))
        _ = try await log.declare(Bench.feed)
        for number in 0..<200 { try await log.append(Bench.feed, [Bench.block(number)]) }
        let all = bench.segments.count
        var one = Puller(id: "one")
        var two = Puller(id: "two")
        try two.fetch(log)
        try one.pull(log)
        one.commit()
        try one.fetch(log)
        try await log.sync()
        #expect(bench.segments.count == all)
        try two.pull(log)
        two.commit()
        try two.fetch(log)
        try await log.sync()
        try await log.append(Bench.feed, [Bench.block(200)])
        try await log.sync()
        #expect(bench.segments.count == 1)
        #expect(bench.told.losses.isEmpty)
        // Who opens the log next knows why they are gone.
        let saved = LogTables.commits(bench.disk.bytes(of: "spool/commits"))
        let positions = saved.mapValues(\.progress.position)
        #expect(positions == ["one": one.after, "two": two.after])

        var late = Puller(id: "late")
        try late.pull(log)
        #expect(late.undeclared == 0)
        #expect(late.values.last == 200)
        #expect(late.losses.isEmpty)
        await log.close()
    }

    @Test("commits outlive the log, and an archive that is forgotten holds nothing back")
    func commitsAfterReopening() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await log.append(Bench.feed, [Bench.block(1)])
        var puller = Puller()
        try puller.pull(log)
        puller.commit()
        try puller.fetch(log)
        try Puller(id: "gone").firstFetch(log)
        await log.close()
        let next = try bench.open()
        #expect(next.commits["archive-1"]?.position == 2)
        #expect(next.commits["gone"]?.position == 0)
        try puller.pull(next)
        puller.commit()
        try puller.fetch(next)
        next.forget(archive: "gone")
        _ = try await next.declare(Bench.feed)
        try await next.append(Bench.feed, [Bench.block(2)])
        try await next.sync()
        try puller.pull(next)
        puller.commit()
        try puller.fetch(next)
        try await next.append(Bench.feed, [Bench.block(3)])
        try await next.sync()
        // The thread of the log may still be about to delete what it has let go.
        try await eventually("what everybody has is gone") {
            bench.segments.count == 1 ? true : nil
        }
        try puller.pull(next)
        #expect(puller.values == [1, 2, 3])
        await next.close()
    }

    @Test("a full spool drops its oldest segments and says exactly which records went")
    func fullSpool() async throws {
        let bench = Bench()
        let log = try await bench.declared(settings: Self.small)
        for number in 0..<2000 { try await log.append(Bench.feed, [Bench.block(number)]) }
        try await log.sync()
        let epoch = log.epoch
        // The thread of the log may still be about to drop a segment that it has named. Between
        // what went and the first row that is left stand a declaration and the loss records.
        let (puller, gone) = try await eventually("the losses join on to what is left") {
            () -> (Puller, [RecordLoss])? in
            var puller = Puller()
            try puller.pull(log)
            let gone = bench.told.losses
            guard let first = puller.rows.first?.position else { return nil }
            let others = first - 1 - gone.reduce(0) { $0 + $1.count }
            let isJoined = others >= 0 && others <= 1 + Int64(puller.lossRecords.count)
            return isJoined ? (puller, gone) : nil
        }
        let size = bench.segments.reduce(0) { $0 + bench.disk.bytes(of: $1).count }
        #expect(size < 50_000)
        #expect(puller.undeclared == 0)
        #expect(puller.losses.isEmpty)
        #expect(gone.allSatisfy { $0.cause == "spool full" && $0.count > 0 })
        var position: Int64 = 1
        for loss in gone {
            #expect(loss.first == position)
            #expect(loss.from <= loss.to)
            position += loss.count
        }
        // A loss record that went itself is told again, together with its neighbours.
        let joined = RecordLoss.joined(gone)
        #expect(puller.lossRecords.allSatisfy { loss in joined.contains { $0.includes(loss) } })
        #expect(puller.epoch == epoch)
        #expect(
            bench.told.all.contains { if case .spoolFilling(0.9...) = $0 { true } else { false } }
        )
        await log.close()
    }

    @Test("an old epoch that is dropped is named in the current one")
    func dropsOldEpoch() async throws {
        let bench = Bench()
        let old = try await bench.declared(settings: Self.small)
        for number in 0..<50 { try await old.append(Bench.feed, [Bench.block(number)]) }
        let epoch = old.epoch
        await old.close()
        let log = try await bench.declared(settings: Self.small)
        for number in 0..<1000 { try await log.append(Bench.feed, [Bench.block(number)]) }
        try await log.sync()
        let losses = bench.told.losses.filter { $0.epoch == epoch }
        #expect(losses.first?.first == 1)
        var puller = Puller()
        puller.epoch = epoch
        puller.after = 10
        try puller.pull(log)
        #expect(puller.epoch == log.epoch)
        await log.close()
    }
}

extension Puller {
    /// Makes itself known.
    func firstFetch(_ log: AgentLog) throws {
        var copy = self
        try copy.fetch(log)
    }
}

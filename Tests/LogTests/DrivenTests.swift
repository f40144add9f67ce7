internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

@Suite("a driven log does what its thread would do, one step at a time")
struct DrivenTests {
    private func open(
        _ bench: Bench,
        settings: AgentLog.Settings = AgentLog.Settings(queueLimit: 1000, memoryLimit: 3000)
    ) throws(LogError) -> AgentLog {
        let told = bench.told
        let log = try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            settings: settings,
            disk: bench.disk,
            time: bench.clock,
            bootID: "boot-1",
            isDriven: true,
            onEvent: { told.note($0) }
        )
        try log.admit(Bench.feed)
        try log.admit(Bench.durable)
        return log
    }

    @Test("nothing is written before it works, and then it says when it would work again")
    func steps() async throws {
        let bench = Bench()
        let log = try open(bench)
        let admitted = try #require(try log.admit(Bench.feed, Bench.block(1)))
        #expect(admitted == Admission(epoch: log.epoch, position: 3, ordinal: 3))
        #expect(log.ordinals == (0, 0, 0))
        #expect(bench.segments.isEmpty)
        let patience = try #require(log.work())
        #expect(log.ordinals == (3, 0, 3))
        #expect(patience == .milliseconds(70))
        bench.clock.jump(by: patience)
        // Once more: who writes meanwhile need not ask for it.
        #expect(log.work() == .seconds(1))
        #expect(log.ordinals == (3, 3, 3))
        bench.clock.jump(by: .seconds(1))
        #expect(log.work() == nil)
        let durable = try #require(try log.admit(Bench.durable, Bench.block(2)))
        #expect(log.work() == .seconds(1))
        #expect(log.ordinals.synced == durable.ordinal)
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == [1, 2])
        #expect(puller.rows.map(\.position) == [admitted.position, durable.position])
        await log.close()
        #expect(throws: LogError.closed) { try log.admit(Bench.feed, Bench.block(3)) }
        let next = try open(bench)
        #expect(next.predecessors.last == log.epoch)
        await next.abandon()
    }

    @Test("a full queue takes no record until it is written; full memory says so")
    func limits() async throws {
        let bench = Bench()
        let log = try open(bench)
        var taken = 0
        while try log.admit(Bench.feed, Bench.block(taken)) != nil { taken += 1 }
        #expect(taken > 0)
        _ = log.work()
        #expect(try log.admit(Bench.feed, Bench.block(taken)) != nil)
        bench.disk.become(.full())
        _ = log.work()
        #expect(bench.told.wentToMemory == 1)
        #expect(throws: LogError.self) {
            while try log.admit(Bench.feed, Bench.block(0)) != nil {}
        }
        await log.abandon()
        bench.disk.restart()
        let next = try open(bench)
        var puller = Puller()
        try puller.pull(next)
        #expect(puller.values == (0..<taken).map(Int64.init))
        await next.abandon()
    }

    @Test("damage in a segment that was announced as dropped, and is still there, is damage")
    func damageInAnnounced() async throws {
        let bench = Bench()
        let log = try open(bench, settings: SpoolTests.small)
        var puller = Puller()
        var held: [String: [UInt8]] = [:]
        var number = 0
        while bench.told.losses.isEmpty {
            for path in bench.segments { held[path] = bench.disk.bytes(of: path) }
            try #require(try log.admit(Bench.feed, Bench.block(number)) != nil)
            _ = log.work()
            if number == 0 { try puller.pull(log) }
            number += 1
        }
        await log.abandon()
        // As it is where the process dies between the loss record and the end of the segment.
        let dropped = held.filter { !bench.disk.paths.contains($0.key) }
        #expect(!dropped.isEmpty)
        for (path, bytes) in dropped {
            var bytes = bytes
            bytes[bytes.count / 2] ^= 1
            _ = try bench.disk.open(path, .create)
            bench.disk.set(bytes, of: path)
        }
        let next = try open(bench, settings: SpoolTests.small)
        try puller.pull(next)
        #expect(puller.losses.count == dropped.count)
        #expect(puller.losses.allSatisfy { $0.cause == LossCause.damage && $0.count == 1 })
        #expect(Set(puller.values).count == puller.values.count)
        #expect(puller.values.count == number - dropped.count)
        await next.abandon()
    }
}

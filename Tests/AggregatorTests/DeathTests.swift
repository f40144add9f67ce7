import CerroTesting
import Log
import Telemetry
import Testing

@testable import Aggregator
@testable import Archive

/// An aggregator that dies once and is begun again, and an agent that knows nothing of it.
private struct Life {
    let stage: DeskStage
    let powerCut: Bool
    private(set) var accepted: [Int64: Admission] = [:]
    private var desk: JournalDesk?
    private var next: Int64 = 1
    /// Small enough to be full while nobody fetches.
    private let settings = AgentLog.Settings(size: 8_000, segmentSize: 1_000)

    init(_ stage: DeskStage, powerCut: Bool) {
        self.stage = stage
        self.powerCut = powerCut
    }

    /// All that an archive goes through: joining, a full spool, another epoch, files and sealing.
    mutating func run() async throws {
        let first = try await stage.log(records: 0, settings: settings)
        try publish(5, to: first)
        try await record(first)
        try publish(150, to: first)
        try await record(first)
        try publish(150, to: first)
        let second = try await stage.log(records: 0, settings: settings, after: first)
        try publish(20, to: second)
        try await record(second)
        // A whole epoch comes and goes while nobody fetches.
        let third = try await stage.log(records: 0, settings: settings, after: second)
        try publish(3, to: third)
        let fourth = try await stage.log(records: 0, settings: settings, after: third)
        try publish(200, to: fourth)
        try await record(fourth)
        try await record(fourth)
        try dying { try $0.close() }
    }

    private mutating func publish(_ count: Int64, to log: AgentLog) throws {
        let admissions = try stage.publish(next..<(next + count), to: log)
        for (number, admission) in zip(next..., admissions) { accepted[number] = admission }
        next += count
    }

    private mutating func record(_ log: AgentLog) async throws {
        let stage = stage
        for _ in 0..<3 {
            try dying {
                try stage.pullAll(of: log, into: $0, maxBytes: 1_500, clockLead: .seconds(40))
            }
            stage.time.jump(by: .seconds(1))
            try dying { _ = try $0.commitIfDue() }
            _ = log.work()
        }
        stage.time.jump(by: .seconds(61))
        try dying { desk in
            _ = try desk.commitIfDue()
            try Sealer(directory: stage.directory, time: stage.time)
                .sealAll(openSegment: desk.segmentPath)
        }
    }

    /// Carries on until the process dies, and once more from the disk that it leaves.
    private mutating func dying(_ body: (JournalDesk) throws -> Void) throws {
        let settings = JournalSettings(rotate: .seconds(60))
        do {
            let desk = try self.desk ?? stage.desk(settings)
            self.desk = desk
            try body(desk)
        } catch {
            guard stage.disk.isDead else { throw error }
            if powerCut { stage.disk.powerCut() } else { stage.disk.restart() }
            let desk = try stage.desk(settings)
            self.desk = desk
            try body(desk)
        }
    }
}

@Suite("an aggregator that dies at any step")
struct DeathTests {
    // Goal: whatever the last call to the disk was, each record is there once or named once.
    // Method: the disk dies at its k-th call; a new process carries on; for all k.
    @Test("everything accepted is there once, or in one row", arguments: [false, true])
    func anyStep(powerCut: Bool) async throws {
        let probe = DeskStage()
        var quiet = Life(probe, powerCut: powerCut)
        try await quiet.run()
        let calls = probe.disk.callCount
        #expect(try check(quiet, "quiet") > 50)
        #expect(calls > 60)
        for step in 0..<calls {
            let stage = DeskStage(seed: UInt64(step))
            stage.disk.become(.dies(after: step))
            var life = Life(stage, powerCut: powerCut)
            try await life.run()
            // The last call of all, which nobody waits for.
            if stage.disk.isDead { powerCut ? stage.disk.powerCut() : stage.disk.restart() }
            try check(life, "step \(step) of \(calls)")
        }
    }

    /// Compares the archive with what was accepted; how many records are in rows.
    @discardableResult
    private func check(_ life: Life, _ place: String) throws -> Int {
        let there = Set(try life.stage.positions())
        let held = try life.stage.positions()
        #expect(Set(held).count == held.count, "doubled, \(place)")
        let rows = try life.stage.ledger().filter { $0.kind == .missing }
        #expect(rows.allSatisfy { $0.positions != nil || $0.cause.contains("power") }, "\(place)")
        var named = 0
        for (number, admission) in life.accepted {
            let count = rows.count { row in
                row.epoch == admission.epoch && row.positions?.contains(admission.position) == true
            }
            named += count
            #expect(count == (there.contains(number) ? 0 : 1), "\(number), \(place): \(count) rows")
        }
        return named
    }
}

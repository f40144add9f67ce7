import CerroTesting
import Log
import Telemetry
import Testing

@testable import Aggregator
@testable import Archive

@Suite("an archive's disk that fills or fails")
struct DiskTests {
    let stage = DeskStage()

    /// One second of an aggregator that pulls all it gets.
    private func second(of desk: JournalDesk, from log: AgentLog) throws {
        for _ in 0..<20 {
            if let request = desk.request(of: "alpha", maxBytes: 1 << 20) {
                _ = try? desk.take(log.fetch(request), to: request, of: "alpha")
            }
            stage.time.jump(by: .milliseconds(50))
            _ = try? desk.commitIfDue()
        }
    }

    // Goal: the disk is full, or fails, for two minutes while 20 MiB arrive.
    @Test(
        "bounded memory, one try a second, and all of it is caught up afterwards",
        arguments: [SimulatedDisk.Mood.full(after: 0), .broken]
    )
    func longTrouble(mood: SimulatedDisk.Mood) async throws {
        let log = try await stage.log(records: 10)
        let desk = try stage.desk()
        try second(of: desk, from: log)
        #expect(desk.status.trouble == nil)
        let files = stage.disk.paths.count
        stage.disk.become(mood)
        try stage.publish(12..<1000, padding: 20_000, to: log)
        let calls = stage.disk.callCount
        for _ in 0..<120 { try second(of: desk, from: log) }
        let status = desk.status
        switch (mood, status.trouble) {
        case (.full, .full):
            // What was being fetched when that was seen.
            #expect(status.waiting < 2 << 20)
        case (.broken, .stuck(let reason)):
            #expect(reason.contains("errno 5"))
            #expect(status.waiting > 8 << 20)
            #expect(status.waiting < (8 << 20) + (2 << 20))
        default: Issue.record("\(String(describing: status.trouble))")
        }
        #expect(desk.request(of: "alpha") == nil)
        #expect(status.failures > 100 && status.failures <= 121)
        // A file is begun, written and taken away again.
        #expect(stage.disk.callCount - calls < 120 * 8)
        #expect(status.behind >= .seconds(120))
        stage.disk.become(.fine)
        for _ in 0..<30 {
            _ = log.work()
            try second(of: desk, from: log)
        }
        #expect(desk.status.trouble == nil)
        #expect(desk.status.behind == .zero)
        #expect(stage.disk.paths.count < files + 10)
        try desk.close()
        #expect(try stage.positions() == Array(2..<1000))
        #expect(try stage.ledger().isEmpty)
    }

    @Test("one call that fails costs nothing", arguments: 0..<40)
    func once(calls: Int) async throws {
        let log = try await stage.log(records: 10)
        let desk = try stage.desk(JournalSettings(rotate: .seconds(1)))
        stage.disk.become(.fails(after: calls))
        for position in 12..<(20 as Int64) {
            try stage.publish(position..<(position + 1), to: log)
            try second(of: desk, from: log)
        }
        for _ in 0..<3 { try second(of: desk, from: log) }
        #expect(desk.status.trouble == nil)
        try desk.close()
        #expect(try stage.positions() == Array(2..<20))
        #expect(try stage.ledger().isEmpty)
    }

    @Test("fetching stops before the disk is full, and goes on when there is more than enough")
    func low() async throws {
        let log = try await stage.log(records: 10)
        let desk = try stage.desk(reserve: 1 << 20)
        try second(of: desk, from: log)
        let unsealed = desk.status.unsealed
        #expect(unsealed > 0)
        let needed = (1 << 20) + unsealed / 4
        stage.disk.become(.full(after: needed))
        try second(of: desk, from: log)
        #expect(desk.status.trouble == nil)
        stage.disk.become(.full(after: needed - 1000))
        try second(of: desk, from: log)
        guard case .low(let free, _) = desk.status.trouble else {
            Issue.record("\(String(describing: desk.status.trouble))")
            return
        }
        #expect(free == needed - 1000)
        #expect(desk.request(of: "alpha") == nil)
        #expect(!desk.status.isCaughtUp)
        // A little more than was missing would be used up at once.
        stage.disk.become(.full(after: needed + 1000))
        try second(of: desk, from: log)
        #expect(desk.status.trouble != nil)
        stage.disk.become(.full(after: needed + needed / 4))
        try second(of: desk, from: log)
        #expect(desk.status.trouble == nil)
        #expect(desk.request(of: "alpha") != nil)
    }

    @Test("what is said: once when it begins, once when it is over, once when all is here")
    func words() {
        var log = TroubleLog()
        var status = stage.status()
        #expect(log.note(status, at: .zero).line == nil)
        status.trouble = .low(free: 5 << 20, needed: 1 << 30)
        status.isCaughtUp = false
        let begun = log.note(status, at: .seconds(1))
        #expect(begun.change == .begun(.low(free: 5 << 20, needed: 1 << 30)))
        #expect(begun.line?.hasPrefix("5 MiB are free on the archive's disk and 1024 MiB") == true)
        status.trouble = .low(free: 4 << 20, needed: 1 << 30)
        #expect(log.note(status, at: .seconds(2)).line == nil)
        status.trouble = .full("x: no space left during write")
        #expect(
            log.note(status, at: .seconds(3)).change
                == .begun(.full("x: no space left during write"))
        )
        status.trouble = nil
        let over = log.note(status, at: .seconds(11))
        #expect(over.change == .over)
        #expect(over.line == "the journal takes records again after 10.0 s; catching up")
        status.bytes += 123_456
        #expect(log.note(status, at: .seconds(12)).line == nil)
        status.isCaughtUp = true
        #expect(log.note(status, at: .seconds(13.5)).line == "caught up: 123456 bytes in 2.5 s")
        #expect(log.note(status, at: .seconds(14)).line == nil)
    }

    @Test("a stop that was not in order is noticed once")
    func unclean() throws {
        let first = try stage.desk()
        #expect(!first.followsUncleanStop)
        stage.disk.restart()
        let second = try stage.desk()
        #expect(second.followsUncleanStop)
        try second.close()
        #expect(!(try stage.desk().followsUncleanStop))
    }
}

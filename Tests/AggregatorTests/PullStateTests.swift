import Archive
import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Aggregator

@Suite("what a pull does with answers")
struct PullStateTests {
    let stage = DeskStage()

    @Test("records are asked for in order, each batch behind the one before")
    func inOrder() async throws {
        let log = try await stage.log(records: 10)
        let desk = try stage.desk()
        for _ in 0..<20 {
            let request = try #require(desk.request(of: "alpha", maxBytes: 200))
            _ = try desk.take(log.fetch(request), to: request, of: "alpha")
        }
        // A declaration and ten records.
        #expect(desk.cursor(of: "alpha")?.position == 11)
        #expect(desk.recordCount == 11)
        #expect(desk.committed("alpha") == nil)
        stage.time.jump(by: .seconds(1))
        #expect(try desk.commitIfDue() != nil)
        #expect(desk.committed("alpha")?.position == 11)
    }

    // Goal: a network that doubles, delays and reorders must neither double nor skip anything.
    // Method: every answer is kept and given again at random, to the request that it answers.
    @Test(
        "answers that come twice, late or out of order change nothing",
        arguments: (1...30).map(UInt64.init)
    )
    func overtaken(seed: UInt64) async throws {
        let log = try await stage.log(records: 60)
        let desk = try stage.desk()
        var chance = SeededGenerator(seed: seed)
        var answers: [(FetchRequest, FetchAnswer)] = []
        for _ in 0..<400 {
            if answers.isEmpty || Bool.random(using: &chance) {
                let size = Int.random(in: 1...400, using: &chance)
                let request = try #require(desk.request(of: "alpha", maxBytes: size))
                answers.append((request, log.fetch(request)))
            }
            let (request, answer) = try #require(answers.randomElement(using: &chance))
            _ = try desk.take(answer, to: request, of: "alpha")
        }
        try desk.close()
        #expect(desk.recordCount == 61)
        #expect(try stage.positions() == Array(2...61))
        #expect(try stage.ledger().isEmpty)
    }

    // Goal: what a log says that it lost is no late joining.
    @Test("an archive that joins keeps what it is told before its first record")
    func joiningBehindLosses() async throws {
        let log = try await stage.log(records: 5)
        let desk = try stage.desk()
        let request = try #require(desk.request(of: "alpha"))
        var behind = request
        (behind.epoch, behind.after) = (log.epoch, 3)
        var answer = log.fetch(behind)
        #expect(answer.first == 4)
        answer.losses = [
            LedgerEntry(
                instance: "alpha",
                feed: nil,
                from: stage.time.now,
                to: stage.time.now,
                count: 2,
                cause: "damage in the spool",
                epoch: log.epoch,
                first: 2
            )
        ]
        _ = try desk.take(answer, to: request, of: "alpha")
        try desk.close()
        let rows = try stage.ledger().filter { $0.cause == "damage in the spool" }
        #expect(rows.map(\.positions) == [2..<4])
    }

    @Test("an answer to another archive's request, or of another epoch, is not taken")
    func foreign() async throws {
        let log = try await stage.log(records: 3)
        let desk = try stage.desk()
        var request = try #require(desk.request(of: "alpha"))
        let answer = log.fetch(request)
        request.archive = "other"
        #expect(try desk.take(answer, to: request, of: "alpha") == .overtaken)
        request.archive = desk.archive
        #expect(try desk.take(answer, to: request, of: "beta") == .overtaken)
        #expect(try desk.take(answer, to: request, of: "alpha") != .overtaken)
        let next = try #require(desk.request(of: "alpha"))
        var other = log.fetch(next)
        other.epoch += 1
        #expect(try desk.take(other, to: next, of: "alpha") == .overtaken)
        #expect(desk.cursor(of: "alpha")?.position == 4)
    }

    @Test("an epoch that ended is finished, and the next one is asked for from its beginning")
    func nextEpoch() async throws {
        var log = try await stage.log(records: 3)
        let first = log.epoch
        stage.time.jump(by: .seconds(1))
        log = try await stage.log(records: 4, after: log)
        let desk = try stage.desk()
        try stage.pullAll(of: log, into: desk)
        #expect(desk.cursor(of: "alpha", epoch: first)?.isFinished == true)
        #expect(desk.cursor(of: "alpha")?.epoch == log.epoch)
        #expect(desk.cursor(of: "alpha")?.position == 5)
        try desk.close()
        #expect(try stage.positions() == [2, 2, 3, 3, 4, 4, 5])
        #expect(try stage.ledger().isEmpty)
    }

    @Test("a new process goes on where the journal ends")
    func restart() async throws {
        let log = try await stage.log(records: 20)
        let desk = try stage.desk()
        let request = try #require(desk.request(of: "alpha", maxBytes: 300))
        _ = try desk.take(log.fetch(request), to: request, of: "alpha")
        let position = try #require(desk.cursor(of: "alpha")?.position)
        #expect(position < 21)
        try desk.close()
        let again = try stage.desk()
        #expect(again.request(of: "alpha")?.after == position)
        try stage.pullAll(of: log, into: again)
        try again.close()
        #expect(try stage.positions() == Array(2...21))
    }
}

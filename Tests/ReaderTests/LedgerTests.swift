import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("What is missing, and how much is there")
struct LedgerTests {
    private func row(
        _ instance: String,
        _ feed: String?,
        _ from: Double,
        _ to: Double,
        kind: LedgerEntry.Kind = .missing,
        count: Int64? = 1,
        cause: String = "spool full"
    ) -> LedgerEntry {
        LedgerEntry(
            kind: kind,
            instance: instance,
            feed: feed,
            from: at(from),
            to: at(to),
            count: count,
            cause: cause
        )
    }

    private func engine(_ rows: [LedgerEntry], seconds: Int = 10) -> QueryEngine {
        QueryEngine(archive: MemorySource(cryostat(seconds: seconds).lines, ledger: rows))
    }

    @Test("a mark of the clock is no gap, and both stand beside the data they concern")
    func kinds() throws {
        let lost = row("cryo", nil, 1, 2)
        let other = row("cryo", "loads", 1, 2)
        let clock = row("cryo", "temps", 3, 4, kind: .clock, cause: "clock 3600 s ahead")
        let engine = engine([lost, other, clock])
        let query = DataQuery(fields: [FieldPattern("cryo.temps.stage")], range: at(0)..<at(9))
        let answer = try engine.data(query, noDeadline)
        #expect(answer.gaps == [lost])
        #expect(answer.marks == [clock])
        let value = try answer.message().value
        #expect(value["marks"]?.array?.first?["cause"] == "clock 3600 s ahead")
        #expect(value["gaps"]?.array?.count == 1)

        let all = try engine.gaps(GapsQuery(range: at(0)..<at(9)), noDeadline)
        #expect(all.gaps == [lost, other] && all.marks == [clock])
        let clocks = try engine.gaps(GapsQuery(range: at(0)..<at(9), kinds: [.clock]), noDeadline)
        #expect(clocks.rows == [clock])
    }

    @Test(
        "a row is found by its instance, its feed, a field of it, or a pattern",
        arguments: [
            ("cryo", [0, 1, 2]), ("cryo.temps", [0, 1]), ("cryo.temps.stage", [0, 1]),
            ("cryo.*", [0, 1, 2]), ("*", [0, 1, 2, 3]), ("cry", []), ("*.temps.*", [0, 1, 3]),
            ("*.loads.x", [0, 2, 3]),
            ("cryo-2", [3]), ("*-2.*", [0, 3]), ("cryo.temps.stage.x", []),
        ]
    )
    func patterns(pattern: String, places: [Int]) throws {
        let rows = [
            row("cryo", nil, 1, 2), row("cryo", "temps", 1, 2), row("cryo", "loads", 1, 2),
            row("cryo-2", nil, 1, 2),
        ]
        let query = GapsQuery(range: at(0)..<at(9), patterns: [FieldPattern(pattern)])
        #expect(try engine(rows).gaps(query, noDeadline).rows == places.map { rows[$0] })
    }

    @Test("the limit leaves out the oldest rows and says so")
    func limit() throws {
        let rows = (0..<5).map { row("cryo", nil, Double($0), Double($0) + 1) }
        let query = GapsQuery(range: at(0)..<at(9), limit: 2)
        let answer = try engine(rows).gaps(query, noDeadline)
        #expect(answer.rows == Array(rows.suffix(2)))
        #expect(answer.leftOut == 3)
        #expect(answer.value["left_out"] == 3)
        #expect(answer.notes.count == 1 && answer.notes[0].contains("3 older rows"))
    }

    @Test("the arguments of gaps choose a kind and a limit")
    func arguments() throws {
        let arguments: Value = ["kind": "clock", "limit": 7, "field": "a", "match": ["b.c"]]
        let query = try GapsQuery(QueryArguments(arguments), now: at(0))
        #expect(query.kinds == [.clock] && query.limit == 7)
        #expect(query.patterns.map(\.text) == ["b.c", "a"])
        #expect(throws: QueryError.self) {
            try GapsQuery(QueryArguments(["kind": "lost"]), now: at(0))
        }
    }

    private func completeness(
        _ engine: QueryEngine,
        _ range: Range<Timestamp>,
        now: Timestamp,
        _ patterns: [String] = []
    ) throws -> [CompletenessAnswer.Timeline] {
        let query = CompletenessQuery(
            range: range,
            patterns: patterns.map(FieldPattern.init),
            now: now
        )
        return try engine.completeness(query, noDeadline).timelines
    }

    @Test("completeness counts rows by hour, and the open hour only as far as it has come")
    func hours() throws {
        // 01:59:50 to 02:00:10, and it is 02:00:05: rows at 0 s to 9 s of the hour.
        let engine = engine([], seconds: 10)
        let lines = try completeness(engine, at(-10)..<at(10), now: at(5))
        #expect(lines.map(\.name) == ["cryo.temps"])
        let hours = try #require(lines.first).hours
        #expect(hours.map(\.range) == [at(-10)..<at(0), at(0)..<at(10)])
        #expect(hours.map(\.rows) == [0, 10])
        #expect(hours.map(\.expected) == [10, 5])
        #expect(hours.map(\.missing) == [0, 0])
        #expect(hours.map(\.completeness) == [nil, 1])
        #expect(hours[0].ofExpected == 0)
    }

    @Test("what the ledger counts is missing, spread over its hours; without a count nobody knows")
    func missing() throws {
        let spread = row("cryo", "temps", -5, 5, count: 5)
        let whole = row("cryo", nil, 3, 3, count: 8)
        let elsewhere = row("cryo", "loads", 3, 3, count: 4)
        let mark = row("cryo", nil, 0, 9, kind: .clock, count: 100)
        let engine = engine([spread, whole, elsewhere, mark], seconds: 10)
        let lines = try completeness(engine, at(-10)..<at(10), now: at(10))
        #expect(lines.map(\.name) == ["cryo.loads", "cryo.temps"])
        #expect(lines[0].hours.map(\.missing) == [0, 12])
        #expect(lines[1].hours.map(\.missing) == [2, 11])
        #expect(lines[1].hours[1].completeness == 10.0 / 21.0)
        #expect(lines[1].hours[0].completeness == 0)

        let unknown = row("cryo", nil, -2, -1, count: nil, cause: "power loss, at most 1 s")
        let some = try completeness(self.engine([unknown]), at(-10)..<at(10), now: at(10))
        #expect(some[0].hours.map(\.missing) == [nil, 0])
        #expect(some[0].hours.map(\.completeness) == [nil, 1])
    }

    @Test("a feed that is asked for by name is answered though it has nothing")
    func silent() throws {
        let lines = try completeness(engine([]), at(0)..<at(9), now: at(9), ["dead.feed.x"])
        #expect(lines.map(\.name) == ["dead.feed"])
        #expect(lines[0].hours.map(\.rows) == [0])
        #expect(lines[0].hours[0].completeness == nil)
    }

    @Test("more hours than an answer holds are refused")
    func tooMany() {
        let years = at(0)..<at(3600 * Double(ReaderLimits.completenessHours + 1))
        #expect(throws: QueryError.self) { try completeness(engine([]), years, now: at(0)) }
    }
}

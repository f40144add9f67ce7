import Telemetry
import Testing

@testable import Reader

@Suite("names in a query: of fields, feeds and instances, and such as nobody has")
struct NameTests {
    /// Of `cryo.temps.stage`, at 0, 1 and 2.
    private let engine = QueryEngine(archive: cryostat(seconds: 3))

    private func data(_ names: [String], _ range: Range<Timestamp>) throws -> DataAnswer {
        let query = DataQuery(fields: names.map(FieldPattern.init), range: range)
        return try engine.data(query, noDeadline)
    }

    @Test(
        "an instance, and a feed, stands for all its fields",
        arguments: ["cryo", "cryo.temps", "cryo.*", "cryo.temps.stage"]
    )
    func short(name: String) throws {
        let answer = try data([name], at(0)..<at(9))
        #expect(answer.fields == ["cryo.temps.stage"] && answer.notes.isEmpty)
        #expect(answer.timelines.first?.timestamps.count == 3)
        let query = FieldsQuery(range: at(0)..<at(9), patterns: [FieldPattern(name)])
        let fields = try engine.fields(query, noDeadline)
        #expect(fields.fields.map(\.name.description) == ["cryo.temps.stage"])
        #expect(fields.notes.isEmpty)
    }

    @Test(
        "what has samples at another time only is an empty entry without a word",
        arguments: [
            "cryo", "cryo.temps", "cryo.temps.stage",
        ]
    )
    func elsewhere(name: String) throws {
        let answer = try data([name], at(100)..<at(200))
        #expect(answer.fields == [name] && answer.timelines.isEmpty && answer.notes.isEmpty)
    }

    // Goal: whoever mistypes a name gets a word, not an answer that looks like good news.
    @Test(
        "every answer has a note about a name that no field has",
        arguments: [
            ("cyro", "did you mean cryo?"), ("cryo.tempz", "did you mean cryo.temps?"),
            ("cryo.temps.stge", "did you mean cryo.temps.stage?"), ("nope*", "at any time"),
        ]
    )
    func nobody(name: String, words: String) throws {
        let patterns = [FieldPattern("cryo"), FieldPattern(name)]
        let range = at(0)..<at(9)
        let sentence = "no field `\(name)` has samples at any time"
        let ledger = try engine.gaps(GapsQuery(range: range, patterns: patterns), noDeadline)
        #expect(ledger.unknown == [name])
        let all = [
            try data(["cryo", name], range).notes,
            try engine.fields(FieldsQuery(range: range, patterns: patterns), noDeadline).notes,
            ledger.notes,
            try engine.completeness(
                CompletenessQuery(range: range, patterns: patterns, now: at(9)),
                noDeadline
            ).notes,
        ]
        for notes in all {
            #expect(notes.count == 1 && notes[0].hasPrefix(sentence), "\(notes)")
            #expect(notes.first?.hasSuffix(words) == true, "\(notes)")
        }
    }

    @Test("a name that only the ledger has is known")
    func lost() throws {
        let row = LedgerEntry(
            instance: "dead",
            feed: "temps",
            from: at(1),
            to: at(2),
            count: 3,
            cause: "spool full"
        )
        let engine = QueryEngine(archive: MemorySource([:], ledger: [row]))
        let query = GapsQuery(range: at(0)..<at(9), patterns: [FieldPattern("dead")])
        let answer = try engine.gaps(query, noDeadline)
        #expect(answer.gaps == [row] && answer.unknown.isEmpty && answer.notes.isEmpty)
    }
}

import Archive
import CerroTesting
import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("get_fields and get_data keep what sisock's manual promises")
struct QueryEngineTests {
    private func data(
        _ source: MemorySource,
        _ fields: [String],
        _ start: Double,
        _ end: Double,
        _ reduction: Reduction = .none,
        allowance: Int = ReaderLimits.values
    ) throws(QueryError) -> DataAnswer {
        var engine = QueryEngine(archive: source)
        engine.allowance = allowance
        return try engine.data(
            DataQuery(
                fields: fields.map(FieldPattern.init),
                range: at(start)..<at(end),
                reduction: reduction
            ),
            noDeadline
        )
    }

    private func column(_ answer: DataAnswer, _ name: String) -> Column? {
        for field in answer.timelines.flatMap(\.fields) where field.name == name {
            if case .samples(let column) = field.content { return column }
        }
        return nil
    }

    @Test("the range holds its start and not its end")
    func halfOpen() throws {
        let answer = try data(cryostat(seconds: 10), ["cryo.temps.stage"], 2, 5)
        #expect(answer.timelines.map(\.name) == ["cryo.temps"])
        #expect(answer.timelines.first?.timestamps == [at(2), at(3), at(4)])
        #expect(column(answer, "cryo.temps.stage") == .doubles([6.0, 7.0, 8.0]))
        #expect(answer.tier == .raw)
    }

    @Test("every field asked for has an entry, without data it is empty and has no timeline")
    func unknown() throws {
        let names = ["no.such.field", "not a name", "cryo.temps.stage", "cryo.temps.other"]
        let answer = try data(cryostat(seconds: 3), names, 0, 9)
        #expect(answer.fields == names)
        #expect(answer.timelines.flatMap(\.fields).map(\.name) == ["cryo.temps.stage"])

        let outside = try data(cryostat(seconds: 3), names, 100, 200)
        #expect(outside.fields == names)
        #expect(outside.timelines.isEmpty)
        // What has samples at another time is not mistyped.
        #expect(outside.notes == answer.notes)
    }

    @Test("of a name that nobody knows a note says which is near")
    func mistyped() throws {
        let names = ["cryo.temps.stge"] + (1...5).map { "no.such.field_\($0)" }
        let notes = try data(cryostat(seconds: 3), names, 0, 9).notes
        #expect(
            notes == [
                "no field `cryo.temps.stge` has samples at any time; "
                    + "did you mean cryo.temps.stage?",
                "no field `no.such.field_1` has samples at any time",
                "no field `no.such.field_2` has samples at any time",
                "nor have 3 more that were asked for",
            ]
        )
        #expect(try data(cryostat(seconds: 3), ["cryo.temps.stage"], 0, 9).notes.isEmpty)
    }

    @Test("a field asked for twice is answered once")
    func twice() throws {
        let names = ["cryo.temps.stage", "cryo.*", "cryo.temps.stage"]
        let answer = try data(cryostat(seconds: 3), names, 0, 9)
        #expect(answer.fields == ["cryo.temps.stage"])
        #expect(answer.timelines.first?.fields.count == 1)
    }

    @Test("fields of one timeline are as long as its timestamps, what is missing is missing")
    func lengths() throws {
        let source = MemorySource([
            "a.b": .init(
                feed: Feed("b", fields: [Field("x"), Field("n", .int), Field("never", .string)]),
                timestamps: [at(0), at(1), at(1)],
                columns: [
                    .doubles([1.5, nil, 2.5]), .ints([nil, 7, nil] as [Int64?]),
                    .strings([nil, nil, nil]),
                ]
            )
        ])
        let answer = try data(source, ["a.b.x", "a.b.n", "a.b.never"], 0, 9)
        #expect(answer.timelines.first?.timestamps.count == 3)
        #expect(column(answer, "a.b.x") == .doubles([1.5, nil, 2.5]))
        #expect(column(answer, "a.b.n") == .ints([nil, 7, nil] as [Int64?]))
        #expect(column(answer, "a.b.never")?.count == 3)
        // A timeline appears only if one of the fields asked for has data.
        #expect(try data(source, ["a.b.never"], 0, 9).timelines.isEmpty)
        #expect(try data(source, ["a.b.never"], 0, 9, .buckets(5)).timelines.isEmpty)
    }

    @Test("the answer says before when it is final, and its revision")
    func finality() throws {
        let source = cryostat(seconds: 3, revision: 4, finalizedUntil: at(1.5))
        let answer = try data(source, ["cryo.temps.stage"], 0, 9)
        #expect(answer.timelines.first?.finalizedUntil == at(1.5))
        #expect(answer.timelines.first?.revision == 4)
    }

    // Goal: a commit between two looks into the archive must not be called final unread.
    @Test("what came while an answer was made is not called final in it")
    func finalityIsAskedFirst() throws {
        let engine = QueryEngine(archive: GrowingSource(base: cryostat(seconds: 3)))
        let query = DataQuery(
            fields: [FieldPattern("cryo.temps.stage")],
            range: at(0)..<at(9)
        )
        let answer = try engine.data(query, noDeadline)
        #expect(answer.timelines.first?.finalizedUntil == at(2))
    }

    @Test("min_stride picks samples at least so far apart, the first of them first")
    func stride() throws {
        let source = cryostat(seconds: 10)
        let answer = try data(source, ["cryo.temps.stage"], 0, 10, .stride(.milliseconds(2500)))
        #expect(answer.timelines.first?.timestamps == [at(0), at(3), at(6), at(9)])
        #expect(column(answer, "cryo.temps.stage") == .doubles([4.0, 7.0, 10.0, 13.0]))
    }

    @Test("over the allowance the error names the limit; reduced, the same range is answered")
    func allowance() throws {
        let source = cryostat(seconds: 1000)
        let error = #expect(throws: QueryError.self) {
            try data(source, ["cryo.temps.stage"], 0, 1000, allowance: 999)
        }
        #expect(error?.code == .queryLimit)
        #expect(error?.description.contains("at most 999") ?? false)
        let whole = try data(source, ["cryo.temps.stage"], 0, 1000, allowance: 1000)
        #expect(whole.timelines.first?.timestamps.count == 1000)
        let thinned = try data(
            source,
            ["cryo.temps.stage"],
            0,
            1000,
            .stride(.seconds(2)),
            allowance: 500
        )
        #expect(thinned.timelines.first?.timestamps.count == 500)
        #expect(throws: QueryError.self) {
            try data(source, ["cryo.temps.stage"], 0, 1000, .stride(.seconds(2)), allowance: 499)
        }
    }

    @Test("timelines that several threads read stand by name, and share the allowance")
    func manyTimelines() throws {
        let line = try #require(cryostat(seconds: 100).lines["cryo.temps"])
        let names = (0..<20).map { "cryo-\(10 + $0).temps" }
        let source = MemorySource(Dictionary(uniqueKeysWithValues: names.map { ($0, line) }))
        let fields = names.reversed().map { "\($0).stage" }
        let whole = try data(source, fields, 0, 100, allowance: 2000)
        #expect(whole.timelines.map(\.name) == names)
        #expect(whole.timelines.allSatisfy { $0.timestamps == line.timestamps })
        #expect(fields.allSatisfy { column(whole, $0) == line.columns[0] })
        #expect(throws: QueryError.self) { try data(source, fields, 0, 100, allowance: 1999) }
    }

    @Test("gaps come with the data that they are missing from")
    func gaps() throws {
        let lost = LedgerEntry(
            instance: "cryo",
            feed: "temps",
            from: at(3),
            to: at(4),
            count: 2,
            cause: "spool full"
        )
        let elsewhere = LedgerEntry(
            instance: "dome",
            feed: nil,
            from: at(3),
            to: at(4),
            count: nil,
            cause: "damage"
        )
        let source = MemorySource(
            cryostat(seconds: 9).lines,
            ledger: [lost, elsewhere]
        )
        #expect(try data(source, ["cryo.temps.stage"], 0, 9).gaps == [lost])
        #expect(try data(source, ["cryo.temps.stage"], 5, 9).gaps.isEmpty)
        let engine = QueryEngine(archive: source)
        let all = try engine.gaps(GapsQuery(range: at(0)..<at(9)), noDeadline)
        #expect(all.gaps == [lost, elsewhere])
        let some = GapsQuery(range: at(0)..<at(9), patterns: [FieldPattern("cryo.*")])
        #expect(try engine.gaps(some, noDeadline).gaps == [lost])
    }

    @Test("get_fields tells types, units, descriptions, and the declared or mean spacing")
    func fields() throws {
        let source = MemorySource([
            "a.fast": .init(
                feed: Feed(
                    "fast",
                    fields: [
                        Field("x", unit: .kelvin, description: "stage"), Field("s", .string),
                    ],
                    period: .milliseconds(100)
                ),
                timestamps: [at(0), at(1)],
                columns: [.doubles([1.0, 2.0]), .strings(["a", "b"])]
            ),
            "a.mean": .init(
                feed: Feed("mean", fields: [Field("b", .bool)]),
                timestamps: [at(0), at(1), at(4)],
                columns: [.bools([true, true, false])]
            ),
            "a.once": .init(
                feed: Feed("once", fields: [Field("n", .int)]),
                timestamps: [at(2)],
                columns: [.ints([1])]
            ),
        ])
        let engine = QueryEngine(archive: source)
        let answer = try engine.fields(FieldsQuery(range: at(0)..<at(9)), noDeadline)
        #expect(
            answer.fields.map(\.name.description)
                == ["a.fast.s", "a.fast.x", "a.mean.b", "a.once.n"]
        )
        #expect(answer.timelines.map(\.interval) == [0.1, 2, nil])
        #expect(
            answer.value["fields"]?["a.fast.x"] == [
                "description": "stage", "timeline": "a.fast", "type": "number",
                "value_type": "double", "units": "K", "last": .timestamp(at(1)),
            ]
        )
        #expect(answer.value["fields"]?["a.mean.b"]?["type"] == "bool")
        #expect(answer.value["fields"]?["a.fast.s"]?["description"] == .null)
        #expect(
            answer.value["timelines"]?["a.once"]
                == ["interval": .null, "field": ["a.once.n"]]
        )

        let some = try engine.fields(
            FieldsQuery(range: at(2)..<at(9), patterns: [FieldPattern("*.m*")]),
            noDeadline
        )
        #expect(some.fields.map(\.name.description) == ["a.mean.b"])
        let none = try engine.fields(FieldsQuery(range: at(5)..<at(9)), noDeadline)
        #expect(none.fields.isEmpty && none.timelines.isEmpty)
    }

    @Test("long work ends at its deadline")
    func deadline() {
        let clock = ManualTimeSource(at(0))
        let deadline = Deadline(clock, after: .seconds(30))
        var engine = QueryEngine(
            archive: MemorySource(cryostat(seconds: 100).lines) { clock.jump(by: .seconds(16)) }
        )
        engine.pieceValues = 10
        let query = DataQuery(
            fields: [FieldPattern("cryo.temps.stage")],
            range: at(0)..<at(100),
            reduction: .stride(.seconds(1))
        )
        let error = #expect(throws: QueryError.self) { try engine.data(query, deadline) }
        #expect(error == .timeout(.seconds(30)))
    }
}

/// A timeline that moves on as soon as it was read.
private struct GrowingSource: SampleSource {
    let base: MemorySource

    func refresh() throws(QueryError) {}

    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] {
        try base.fields(in: range)
    }

    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice {
        try base.slice(of: fields, in: range, limit: limit)
    }

    func buckets(
        of fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets? {
        try base.buckets(of: fields, on: grid, limit: limit, deadline)
    }

    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? {
        base.sliceCount == 0 ? at(2) : at(8)
    }

    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts] {
        try base.rowCounts(between: edges, of: isWanted)
    }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] { [] }
}

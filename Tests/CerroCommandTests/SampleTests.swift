import AgentClient
import Telemetry
import Testing

@testable import CerroCommand

/// The reader's answers, decoded and written.
@Suite("samples")
struct SampleTests {
    private func bytes(_ values: [Int64]) -> Value {
        .bytes(
            values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        )
    }

    /// Each text once, and which one each row has.
    private func texts(_ values: [String], places: [UInt8]? = nil) -> Value {
        let places = places ?? values.indices.map { UInt8($0) }
        return [
            "texts": .array(values.map { .string($0) }),
            "places": .bytes(places.flatMap { [$0, 0, 0, 0] }),
        ]
    }

    private func doubles(_ values: [Double], presence: UInt8? = nil) -> Value {
        [
            "type": "double", "values": bytes(values.map { Int64(bitPattern: $0.bitPattern) }),
            "presence": presence.map { .bytes([$0]) } ?? .null,
        ]
    }

    private func answer(
        _ data: [String: Value],
        _ timelines: [String: Value]
    ) throws -> SampleAnswer {
        try #require(
            SampleAnswer([
                "data": .map(data), "timeline": .map(timelines), "gaps": [], "tier": "raw",
                "notes": ["late"],
            ])
        )
    }

    private func timeline(_ times: [Int64], _ fields: [String], ends: [Int64]? = nil) -> Value {
        [
            "t": bytes(times), "fields": .array(fields.map(Value.string)),
            "finalized_until": 5, "revision": 2, "end": ends.map(bytes) ?? .null,
        ]
    }

    private func sample() throws -> SampleAnswer {
        try answer(
            [
                "a.f.x": doubles([1, .nan, 3], presence: 0b011),
                "b.f.n": ["type": "int", "values": bytes([9_007_199_254_740_993])],
                "b.f.s": ["type": "string", "values": texts([#"say "hi""#])],
                "c.f.none": ["type": .null, "values": .bytes([])],
            ],
            [
                "a.f": timeline([1, 2_000_000_000, 3_500_000_000], ["a.f.x"]),
                "b.f": timeline([2_000_000_000], ["b.f.n", "b.f.s"]),
            ]
        )
    }

    @Test("timelines share rows where they share times, and a missing value is empty")
    func csv() throws {
        let answer = try sample()
        let fields = ["b.f.n", "a.f.x", "b.f.s", "c.f.none"]
        let text = SampleText(times: .s, columns: SampleText.columns(of: answer, fields: fields))
        #expect(text.csvHeading(hasBuckets: false) == "time,b.f.n,a.f.x,b.f.s,c.f.none")
        #expect(
            text.rows(of: answer).map(text.csv) == [
                "0.000000001,,1.0,,", #"2,9007199254740993,NaN,"say ""hi""","#, "3.5,,,,",
            ]
        )
    }

    @Test("NDJSON leaves out what is missing and names what is not finite")
    func ndjson() throws {
        let answer = try sample()
        let text = SampleText(times: .ns, columns: ["a.f.x", "b.f.n"])
        #expect(
            text.rows(of: answer).map(text.ndjson) == [
                #"{"t":1,"a.f.x":1.0}"#,
                #"{"t":2000000000,"a.f.x":"NaN","b.f.n":9007199254740993}"#,
                #"{"t":3500000000}"#,
            ]
        )
    }

    @Test("buckets have a column for each statistic, and both ends")
    func buckets() throws {
        let statistics: Value = [
            "count": ["type": "int", "values": bytes([2])], "min": doubles([1]),
            "max": doubles([3]), "mean": doubles([2]), "first": doubles([1]), "last": doubles([3]),
        ]
        let answer = try answer(
            ["a.f.x": statistics],
            ["a.f": timeline([0], ["a.f.x"], ends: [60_000_000_000])]
        )
        let text = SampleText(
            times: .iso,
            columns: SampleText.columns(of: answer, fields: ["a.f.x"])
        )
        #expect(text.csvHeading(hasBuckets: true).hasPrefix("start,end,a.f.x:count,a.f.x:min,"))
        #expect(
            text.rows(of: answer).map(text.csv)
                == ["1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,2,1.0,3.0,2.0,1.0,3.0"]
        )
        let document = try Value(json: text.document(answer, fields: ["a.f.x"]))
        #expect(document["data"]?["a.f.x"]?["max"] == [3.0])
        #expect(document["timeline"]?["a.f"]?["fields"] == ["a.f.x"])
    }

    @Test("texts are told once, and a place that has none is no answer")
    func textPlaces() throws {
        func answer(_ places: [UInt8]) -> SampleAnswer? {
            let column: Value = [
                "type": "string", "values": texts(["ok", "späť"], places: places),
            ]
            return SampleAnswer([
                "data": ["a.f.x": column], "timeline": ["a.f": timeline([1, 2, 3], ["a.f.x"])],
                "tier": "raw",
            ])
        }
        let column = answer([1, 0, 1])?.timelines.first?.columns.first?.column
        #expect(column == Column(.strings(["späť", "ok", "späť"])))
        #expect(answer([0, 2, 0]) == nil)
    }

    @Test("over several pages values of another type or unit are kept apart, and a note says so")
    func revisions() throws {
        func page(_ times: [Int64], _ column: Value, _ unit: Value) throws -> SampleAnswer {
            var line = timeline(times, ["a.f.x"]).map ?? [:]
            line["units"] = [unit]
            return try self.answer(["a.f.x": column], ["a.f": .map(line)])
        }
        let texts: Value = ["type": "string", "values": self.texts(["warm"])]
        let next = try page([3], doubles([4]), "K")
        for (former, unit, kind) in [
            (texts, Value.null, "string"), (doubles([4000]), "mK", "double in mK"),
        ] {
            var answer = try page([1], former, unit)
            answer.append(next)
            let column = try #require(answer.timelines.first?.columns.first?.column)
            #expect(column == Column(.doubles([0, 4]), presence: [false, true]))
            #expect(answer.notes.count == 2 && answer.notes[1].contains("declared \(kind), unlike"))
        }
    }

    @Test("answers for one time after the other become one answer")
    func pages() throws {
        var answer = try sample()
        answer.append(
            try self.answer(
                ["a.f.x": ["type": "int", "values": bytes([4])], "a.f.y": doubles([5])],
                ["a.f": timeline([4_000_000_000], ["a.f.x", "a.f.y"])]
            )
        )
        let text = SampleText(times: .s, columns: ["a.f.x", "a.f.y", "b.f.n"])
        #expect(text.rows(of: answer).map(text.csv).last == "4,4.0,5.0,")
        #expect(text.rows(of: answer).map(text.csv).first == "0.000000001,1.0,,")
        #expect(answer.notes == ["late"])
    }

    @Test("what is no answer is not decoded")
    func malformed() {
        #expect(SampleAnswer(.null) == nil)
        #expect(
            SampleAnswer([
                "data": ["a.f.x": doubles([1, 2])], "tier": "raw",
                "timeline": ["a.f": timeline([1], ["a.f.x"])],
            ]) == nil
        )
    }

    @Test("a table shows many fields one below the other, without those that are missing")
    func table() throws {
        let answer = try sample()
        let wide = SampleText(
            times: .s,
            columns: ["a.f.x", "b.f.n", "b.f.s", "c.f.none", "d.f.x", "d.f.y", "d.f.z"]
        )
        #expect(wide.tableColumns.map(\.heading) == ["time", "field", "value"])
        // Behind one long text nobody would find the numbers at its right.
        #expect(wide.tableColumns.allSatisfy { $0.alignment == .left })
        #expect(
            wide.rows(of: answer).flatMap(wide.cells).map { $0[1] }
                == ["a.f.x", "a.f.x", "b.f.n", "b.f.s"]
        )
    }
}

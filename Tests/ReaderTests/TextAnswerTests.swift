import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

@testable import Reader

@Suite("Text answers say exactly what the archive holds")
struct TextAnswerTests {
    private func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test(
        "a double is written with the digits that it needs",
        arguments: [
            (0, "0.0"), (-0.0, "-0.0"), (4.2, "4.2"), (-0.001, "-0.001"), (300, "300.0"),
            (0.1 + 0.2, "0.30000000000000004"), (1e-9, "1e-09"), (123456.789012, "123456.789012"),
            (1e300, "1e+300"), (.leastNonzeroMagnitude, "5e-324"), (-12.5, "-12.5"),
            (999_999_999, "999999999.0"),
            (.nan, "null"), (-.infinity, "null"),
        ] as [(Double, String)]
    )
    func doubles(_ value: Double, _ expected: String) {
        #expect(text { $0.write(value) } == expected)
    }

    @Test("every double reads back as itself", arguments: 1...20)
    func roundTrip(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let value =
                switch Int.random(in: 0..<3, using: &random) {
                case 0: Double(bitPattern: random.next())
                case 1: Double(Int.random(in: -9_999_999...9_999_999, using: &random)) / 1000
                default: Double.random(in: -1...1, using: &random)
                }
            guard value.isFinite else { continue }
            let written = text { $0.write(value) }
            #expect(Double(written)?.bitPattern == value.bitPattern, "seed \(seed): \(written)")
            #expect(written.utf8.count <= value.description.utf8.count, "seed \(seed): \(written)")
        }
    }

    @Test(
        "times keep their nanoseconds",
        arguments: [
            (1_795_240_800_123_456_789, "1795240800.123456789", "2026-11-21T06:00:00.123456789Z"),
            (1_795_240_800_500_000_000, "1795240800.5", "2026-11-21T06:00:00.5Z"),
            (1_795_240_800_000_000_000, "1795240800", "2026-11-21T06:00:00Z"),
            (1, "0.000000001", "1970-01-01T00:00:00.000000001Z"), (0, "0", "1970-01-01T00:00:00Z"),
            (-1_500_000_000, "-1.5", "1969-12-31T23:59:58.5Z"),
        ] as [(Int64, String, String)]
    )
    func times(_ nanoseconds: Int64, _ seconds: String, _ iso: String) {
        let instant = Timestamp(nanoseconds: nanoseconds)
        #expect(text { $0.write(instant, .s) } == seconds)
        #expect(text { $0.write(instant, .ns) } == "\"\(nanoseconds)\"")
        #expect(text { $0.write(instant, .iso) } == "\"\(iso)\"")
    }

    @Test("texts and integers at their ends are valid JSON")
    func texts() throws {
        let hostile = "\"\\\u{0}\u{1f}\n\r\té\u{1F52D}\u{2028}"
        let value: Value = [
            "text": .string(hostile), "least": .int(.min), "most": .int(.max), "none": .null,
            "list": [true, 1.5, .bytes([1, 255])],
        ]
        let parsed =
            try JSONSerialization.jsonObject(
                with: Data(text { $0.write(value) }.utf8)
            ) as? [String: Any]
        #expect(parsed?["text"] as? String == hostile)
        #expect((parsed?["least"] as? NSNumber)?.int64Value == .min)
        #expect((parsed?["most"] as? NSNumber)?.int64Value == .max)
        #expect(parsed?["none"] is NSNull)
    }

    /// Two timelines that share one of their times.
    private var answer: DataAnswer {
        DataAnswer(
            fields: ["a.b.x", "a.b.s", "no.such.field", "c.d.n"],
            timelines: [
                TimelineAnswer(
                    name: "a.b",
                    timestamps: [at(0), at(0.5), at(0.5)],
                    ends: nil,
                    fields: [
                        FieldAnswer(
                            name: "a.b.x",
                            content: .samples(.doubles([1.5, .nan, nil])),
                            unit: .kelvin
                        ),
                        FieldAnswer(
                            name: "a.b.s",
                            content: .samples(.strings(["", "say \"hi\", x", nil]))
                        ),
                    ],
                    finalizedUntil: at(0.25),
                    revision: 7
                ),
                TimelineAnswer(
                    name: "c.d",
                    timestamps: [at(0.5)],
                    ends: nil,
                    fields: [FieldAnswer(name: "c.d.n", content: .samples(.ints([-4])))],
                    finalizedUntil: at(1),
                    revision: 0
                ),
            ],
            gaps: [
                LedgerEntry(
                    instance: "a",
                    feed: nil,
                    from: at(1),
                    to: at(2),
                    count: 3,
                    cause: "spool full",
                    epoch: 17,
                    first: 4
                )
            ],
            tier: .raw,
            notes: []
        )
    }

    @Test("JSON holds data, times, what is not finite, gaps and finality")
    func json() throws {
        let bytes = answer.text(.json, .s).whole
        let parsed =
            try JSONSerialization.jsonObject(with: Data(bytes)) as? NSDictionary ?? [:]
        let expected: NSDictionary = [
            "data": [
                "a.b.x": [1.5, NSNull(), NSNull()], "a.b.s": ["", "say \"hi\", x", NSNull()],
                "no.such.field": [Any](), "c.d.n": [-4],
            ],
            "timeline": [
                "a.b": [
                    "t": [1_795_240_800, 1_795_240_800.5, 1_795_240_800.5],
                    "fields": ["a.b.x", "a.b.s"], "units": ["K", NSNull()],
                    "finalized_until": 1_795_240_800.25,
                    "revision": 7,
                ],
                "c.d": [
                    "t": [1_795_240_800.5], "fields": ["c.d.n"], "units": [NSNull()],
                    "finalized_until": 1_795_240_801,
                    "revision": 0,
                ],
            ],
            "nonfinite": ["a.b.x": ["1": "NaN"]],
            "gaps": [
                [
                    "kind": "missing", "instance": "a", "feed": NSNull(),
                    "from": 1_795_240_801, "to": 1_795_240_802, "count": 3,
                    "cause": "spool full", "epoch": 17, "first": 4,
                ]
            ],
            "marks": [Any](),
            "tier": "raw", "notes": [Any](),
        ]
        #expect(parsed == expected)
    }

    @Test("CSV is one table in order of time, an empty text is not a missing one")
    func csv() {
        let text = String(decoding: answer.text(.csv, .iso).whole, as: UTF8.self)
        #expect(
            text == #"""
                time,a.b.x [K],a.b.s,c.d.n
                2026-11-21T06:00:00Z,1.5,"",
                2026-11-21T06:00:00.5Z,NaN,"say ""hi"", x",-4
                2026-11-21T06:00:00.5Z,,,
                # missing: a from 2026-11-21T06:00:01Z to 2026-11-21T06:00:02Z,\#
                 3 records: spool full

                """#
        )
    }

    @Test("NDJSON ends with a line that says so")
    func ndjson() {
        let text = String(decoding: answer.text(.ndjson, .s).whole, as: UTF8.self)
        #expect(
            text == #"""
                {"t":1795240800,"a.b.x":1.5,"a.b.s":""}
                {"t":1795240800.5,"a.b.x":"NaN","a.b.s":"say \"hi\", x","c.d.n":-4}
                {"t":1795240800.5}
                {"rows":3,"timeline":{"a.b":{"fields":["a.b.x","a.b.s"],"units":["K",null],\#
                "finalized_until":1795240800.25,"revision":7},\#
                "c.d":{"fields":["c.d.n"],"units":[null],"finalized_until":1795240801,\#
                "revision":0}},\#
                "gaps":[{"kind":"missing","instance":"a","feed":null,"from":1795240801,\#
                "to":1795240802,"count":3,"cause":"spool full","epoch":17,"first":4}],\#
                "marks":[],"tier":"raw","notes":[]}

                """#
        )
    }

    @Test("an answer of several pieces is the same text as one")
    func pieces() throws {
        let count = 3 * ReaderLimits.valuesPerPiece / 2
        let source = cryostat(seconds: count)
        let query = DataQuery(
            fields: [FieldPattern("cryo.temps.stage")],
            range: at(0)..<at(Double(count))
        )
        let answer = try QueryEngine(archive: source).data(query, noDeadline)
        let parsed =
            try JSONSerialization.jsonObject(with: Data(answer.text(.json, .s).whole))
            as? [String: Any]
        let data = parsed?["data"] as? [String: [Double]]
        let values = data?["cryo.temps.stage"]
        #expect(values == (0..<count).map { 4.0 + Double($0) })
        let lines = answer.text(.csv, .ns).whole.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == count + 1)
        #expect(
            String(decoding: lines[count], as: UTF8.self)
                == "\(at(Double(count - 1)).nanoseconds),\(Double(count) + 3)"
        )
        #expect(answer.text(.csv, .ns).pieces.count > 3)
    }

    @Test("buckets have a start, an end and their statistics in every form")
    func buckets() throws {
        let query = DataQuery(
            fields: [FieldPattern("cryo.temps.stage")],
            range: at(0)..<at(4),
            reduction: .buckets(3)
        )
        let answer = try QueryEngine(archive: cryostat(seconds: 4)).data(query, noDeadline)
        let csv = String(decoding: answer.text(.csv, .s).whole, as: UTF8.self)
        #expect(
            csv.replacing("cryo.temps.stage", with: "f") == """
                start,end,f:count,f:nans,f:min [K],f:max [K],f:mean [K],f:first [K],f:last [K]
                1795240800,1795240802,2,0,4.0,5.0,4.5,4.0,5.0
                1795240802,1795240804,2,0,6.0,7.0,6.5,6.0,7.0

                """
        )
        let json = String(decoding: answer.text(.json, .s).whole, as: UTF8.self)
        let columns = #""cryo.temps.stage":{"count":[2,2],"nans":[0,0],"min":[4.0,6.0],"#
        #expect(json.contains(columns))
        #expect(json.contains(#""t":[1795240800,1795240802],"end":[1795240802,1795240804]"#))
    }

    @Test(
        "the form follows Accept",
        arguments: [
            (nil, .json), ("*/*", .json), ("text/csv", .csv), ("application/x-ndjson", .ndjson),
            ("text/html, text/csv;q=0.9, */*;q=0.1", .csv), ("text/html,*/*", .json),
            ("application/pdf", nil), ("", .json),
            ("text/csv;q=0.1, application/json", .json), ("*/*, text/csv", .json),
            ("application/json;q=0.5, TEXT/CSV ; q=0.8", .csv), ("text/csv;q=0, */*", .json),
            ("application/json;q=0, application/*", .ndjson), ("text/csv;q=0", nil),
        ] as [(String?, TextFormat?)]
    )
    func accept(_ header: String?, _ expected: TextFormat?) {
        #expect(TextFormat(accept: header) == expected)
    }
}

extension TextAnswer {
    /// All parts, one after the other.
    fileprivate var whole: [UInt8] {
        var part = part(from: 0)
        var bytes = part.bytes
        while let next = part.next {
            part = self.part(from: next)
            bytes += part.bytes
        }
        return bytes
    }
}

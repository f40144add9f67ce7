import AgentClient
import Archive
import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("an answer as one message of the bus")
struct DataMessageTests {
    @Test("buckets go over the bus as columns by statistic, each with its end")
    func buckets() throws {
        let answer = try QueryEngine(archive: cryostat(seconds: 4)).data(
            DataQuery(
                fields: [FieldPattern("cryo.temps.stage")],
                range: at(0)..<at(4),
                reduction: .buckets(1)
            ),
            noDeadline
        )
        let value = try answer.message().value
        let field = value["data"]?["cryo.temps.stage"]
        #expect(
            field?.map?.keys.sorted() == ["count", "first", "last", "max", "mean", "min", "nans"]
        )
        #expect(field?["count"] == ["type": "int", "values": .bytes([4, 0, 0, 0, 0, 0, 0, 0])])
        let line = value["timeline"]?["cryo.temps"]
        #expect(line?["t"] == .bytes(bytes(of: at(0))))
        #expect(line?["end"] == .bytes(bytes(of: at(4))))
        #expect(line?["fields"] == ["cryo.temps.stage"])
    }

    @Test("a client has the columns that the reader had, texts that come again and gaps too")
    func sameColumns() throws {
        let columns: [Column] = [
            .doubles([1.5, nil, .infinity, 0, 4]), .ints([.min, 0, nil, 7, .max]),
            .bools([true, true, nil, false, true]), .strings(["ok", "ok", "späť", "ok", nil]),
            .strings(["", "a", "a", "a", "b"]),
        ]
        let names = columns.indices.map { "a.b.\($0)" }
        let times = columns.indices.map { at(Double($0)) }
        let answer = DataAnswer(
            fields: names.reversed() + ["a.b.none"],
            timelines: [
                TimelineAnswer(
                    name: "a.b",
                    timestamps: times,
                    ends: nil,
                    fields: zip(names, columns).map { name, column in
                        FieldAnswer(name: name, content: .samples(column), unit: .kelvin)
                    },
                    finalizedUntil: at(3),
                    revision: 2
                )
            ],
            gaps: [],
            tier: .raw,
            notes: ["a note"]
        )
        let read = try #require(SampleAnswer(try answer.message().value))
        let timeline = try #require(read.timelines.first)
        #expect(timeline.times == times)
        #expect(timeline.columns.map(\.name) == names)
        #expect(timeline.columns.map(\.column) == columns)
        #expect(timeline.units == Dictionary(uniqueKeysWithValues: names.map { ($0, "K") }))
        #expect(timeline.finalizedUntil == at(3))
        #expect(timeline.revision == 2)
        #expect(read.notes == ["a note"])
    }

    @Test("an answer that is too long for one message is refused before it is sent")
    func tooLong() throws {
        let count = ReaderLimits.messageTexts + 1
        let texts = Column.strings(Array(repeating: "", count: count))
        let answer = DataAnswer(
            fields: ["a.b.s"],
            timelines: [
                TimelineAnswer(
                    name: "a.b",
                    timestamps: Array(repeating: at(0), count: count),
                    ends: nil,
                    fields: [FieldAnswer(name: "a.b.s", content: .samples(texts))],
                    finalizedUntil: at(0),
                    revision: 0
                )
            ],
            gaps: [],
            tier: .raw,
            notes: []
        )
        let error = #expect(throws: QueryError.self) { try answer.message() }
        #expect(error?.code == .queryLimit)
    }
}

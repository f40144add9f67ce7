import Foundation
import HTTPTypes
import Telemetry
import Testing

@testable import Reader

@Suite("SimpleJSON is answered as sisock did, and where it did not", .timeLimit(.minutes(10)))
struct SimpleJSONTests {
    private let feed = Feed(
        "temps",
        fields: [Field("stage", unit: .kelvin), Field("mode", .string)],
        period: .seconds(1)
    )

    private func archive() throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        try archive.commit(
            "cryo",
            feed,
            Block(
                timestamps: (0..<60).map { at(Double($0)) },
                columns: [
                    .doubles((0..<60).map { $0 < 20 ? .nan : 4 + Double($0 / 30) }),
                    .strings((0..<60).map { "m\($0)" }),
                ]
            )
        )
        try archive.commit(
            LedgerEntry(
                instance: "cryo",
                feed: "temps",
                from: at(5),
                to: at(7),
                count: 2,
                cause: "spool full"
            )
        )
        return archive
    }

    private static let range =
        #""range":{"from":"2026-11-21T06:00:00.000Z","to":"2026-11-21T06:01:00.000Z"}"#

    private func ask(
        _ reader: RunningReader,
        _ path: String,
        _ body: String
    ) async throws -> (status: Int, json: Any) {
        let answer = try await reader.get("/grafana/\(path)", method: .post, body: body)
        #expect(answer.headers[.contentType] == "application/json")
        return (answer.status, try JSONSerialization.jsonObject(with: Data(answer.text.utf8)))
    }

    @Test("the test, search, tag keys and tag values")
    func catalogue() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            for path in ["/grafana", "/grafana/"] {
                #expect(try await reader.get(path).status == 200)
            }
            let all = try await ask(reader, "search", "{}").json as? [String]
            #expect(all == ["cryo.temps.mode", "cryo.temps.stage"])
            let some = try await ask(reader, "search", #"{"target":"STAGE"}"#).json as? [String]
            #expect(some == ["cryo.temps.stage"])
            let keys = try await ask(reader, "tag-keys", "{}").json as? [[String: String]]
            #expect(keys?.map { $0["text"] } == ["agent", "feed", "field"])
            let values = try await ask(reader, "tag-values", #"{"key":"field"}"#).json
            #expect(values as? [[String: String]] == [["text": "mode"], ["text": "stage"]])
        }
    }

    @Test("a target is a series of [value, milliseconds], NaN as null; an empty row is no error")
    func series() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let body = """
                {\(Self.range),"interval":"30s","intervalMs":30000,"maxDataPoints":7,"targets":[
                {"refId":"A","target":"cryo.temps.stage","type":"timeserie"},{"refId":"B"},
                {"refId":"C","target":"no.such.field","type":"timeserie"},
                {"refId":"D","target":"cryo.temps.stage","hide":true}]}
                """
            let found = try await ask(reader, "query", body).json as? [NSDictionary]
            let points =
                [
                    [NSNull(), 1_795_240_800_000], [NSNull(), 1_795_240_810_000],
                    [4, 1_795_240_820_000], [5, 1_795_240_830_000], [5, 1_795_240_840_000],
                    [5, 1_795_240_850_000],
                ] as [[Any]]
            #expect(
                found == [
                    ["target": "cryo.temps.stage", "datapoints": points],
                    ["target": "no.such.field", "datapoints": [Any]()],
                ]
            )
        }
    }

    @Test("a table has a column for each field, a row for each time, and filters choose")
    func table() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let body = """
                {\(Self.range),"maxDataPoints":7,"targets":[{"target":"cryo.*","type":"table"}]}
                """
            let found = try await ask(reader, "query", body).json as? [NSDictionary]
            #expect(found?.first?["type"] as? String == "table")
            #expect(
                found?.first?["columns"] as? [[String: String]] == [
                    ["text": "Time", "type": "time"],
                    ["text": "cryo.temps.mode", "type": "string"],
                    ["text": "cryo.temps.stage", "type": "number"],
                ]
            )
            let rows = found?.first?["rows"] as? [NSArray]
            #expect(rows?.count == 6)
            #expect(rows?.first == [1_795_240_800_000, "m9", NSNull()])
            #expect(rows?.last == [1_795_240_850_000, "m59", 5])
            let filtered = """
                {\(Self.range),"targets":[{"target":"*","type":"timeserie"}],
                 "adhocFilters":[{"key":"field","operator":"=","value":"stage"}]}
                """
            let one = try await ask(reader, "query", filtered).json as? [NSDictionary]
            #expect(one?.map { $0["target"] as? String } == ["cryo.temps.stage"])
        }
    }

    @Test("annotations are the rows of the ledger")
    func annotations() async throws {
        let archive = try archive()
        var row = InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
        row.faults = [
            Fault(id: "clock", severity: .error, since: at(50), text: "off"),
            Fault(id: "later", severity: .error, since: at(61), text: "not yet"),
        ]
        try await withReader(archive.path, site: FixedSite([row])) { reader in
            _ = try await reader.get("/api/v1/agents")
            let body = #"{\#(Self.range),"annotation":{"name":"gaps","query":"cryo"}}"#
            let found = try await ask(reader, "annotations", body).json as? [NSDictionary]
            // The rows came long after their time: the ledger marks that too.
            #expect(found?.map { $0["tags"] as? String } == ["missing", "clock", "error"])
            #expect(found?.last?["title"] as? String == "cryo: clock")
            #expect(found?.last?["time"] as? Int == 1_795_240_850_000)
            #expect(
                found?.prefix(1) == [
                    [
                        "annotation": ["name": "gaps", "query": "cryo"], "isRegion": true,
                        "time": 1_795_240_805_000, "timeEnd": 1_795_240_807_000,
                        "title": "cryo.temps: missing", "tags": "missing",
                        "text": "spool full (2 records)",
                    ]
                ]
            )
            let other = #"{\#(Self.range),"annotation":{"query":"dome"}}"#
            #expect(try await ask(reader, "annotations", other).json as? [NSDictionary] == [])
        }
    }

    @Test("a browser's preflight is answered for pages of this machine only")
    func preflight() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let origin = "http://localhost:3000"
            let answer = try await reader.get("/grafana/query", origin: origin, method: .options)
            #expect(answer.status == 200)
            #expect(answer.headers[.accessControlAllowOrigin] == origin)
            #expect(answer.headers[.accessControlAllowMethods]?.contains("POST") == true)
            #expect(answer.headers[.accessControlAllowHeaders] == "accept, content-type")
            let asked = try await reader.get(
                "/grafana/search",
                origin: origin,
                method: .post,
                body: "{}"
            )
            #expect(asked.headers[.accessControlAllowOrigin] == origin)
            let foreign = try await reader.get(
                "/grafana/query",
                origin: "http://evil.example",
                method: .options
            )
            #expect(foreign.status == 403)
            #expect(foreign.headers[.accessControlAllowOrigin] == nil)
        }
    }

    @Test(
        "what is wrong is said, with what was expected",
        arguments: [
            ("query", "[1]", 400, "a JSON map"), ("query", "{", 400, "a JSON map"),
            ("query", "{}", 400, "`range.from` is missing"),
            ("query", #"{"range":{"from":"x","to":"y"}}"#, 400, "`range.from` is `x`"),
            (
                "query", #"{"range":{"from":"2026-01-02","to":"2026-01-01"},"targets":[]}"#, 422,
                "is not before the end"
            ),
            ("query", "{\(range)}", 400, "`targets` is missing"),
            (
                "query", #"{\#(range),"targets":[],"adhocFilters":[{"key":"x","operator":"="}]}"#,
                400, "one of agent, feed, field"
            ),
            ("tag-values", #"{"key":"city"}"#, 400, "one of agent, feed, field"),
            ("annotations", "{}", 400, "`range.from` is missing"),
            (
                "query",
                "{\(range),\"targets\":[" + String(repeating: "{},", count: 100) + "{}]}",
                413, "at most 100"
            ),
            ("search", String(repeating: " ", count: 70_000), 413, "65536"),
        ]
    )
    func refused(path: String, body: String, status: Int, words: String) async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let answer = try await reader.get("/grafana/\(path)", method: .post, body: body)
            #expect(answer.status == status, "\(answer.text)")
            #expect(answer.text.contains(words), "\(answer.text)")
        }
    }
}

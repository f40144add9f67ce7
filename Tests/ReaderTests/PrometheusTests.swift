import CerroTesting
import Foundation
import HTTPTypes
import Telemetry
import Testing

@testable import Reader

@Suite(
    "The reader answers as Prometheus does, for Grafana's own data source",
    .timeLimit(.minutes(10))
)
struct PrometheusTests {
    private let base = "/prometheus/api/v1"
    private let feed = Feed(
        "temps",
        fields: [
            Field("stage-1", unit: .kelvin, description: "the cold stage"), Field("ok", .bool),
            Field("mode", .string),
        ],
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
                    .doubles((0..<60).map { $0 == 30 ? 99 : 4 }),
                    Column(.bools((0..<60).map { $0 < 30 })),
                    Column(.strings((0..<60).map { "mode \($0)" })),
                ]
            )
        )
        return archive
    }

    private static func parsed(_ text: String) throws -> NSDictionary {
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary ?? [:]
    }

    private static let labels = [
        "__name__": "temps_stage_1", "agent": "cryo", "class": "Lakeshore372", "feed": "temps",
        "field": "stage-1", "host": "dome", "site": "hill", "unit": "K",
    ]

    // Goal: what Grafana asks when somebody presses "Save & test".
    @Test("1+1 at time 4 is 2, as a form and in the address")
    func savesAndTests() async throws {
        let archive = try archive()
        try await withReader(archive.path) { [base] reader in
            let expected =
                #"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"# + "\n"
            let form = try await reader.get(
                "\(base)/query",
                method: .post,
                body: "query=1%2B1&time=4"
            )
            #expect(form.status == 200 && form.text == expected)
            let address = try await reader.get("\(base)/query?query=1%2B1&time=4")
            #expect(address.text == expected)
            let build = try await reader.get("\(base)/status/buildinfo")
            #expect(build.text.contains(#""version":"2.42.0""#))
        }
    }

    @Test("instants and ranges carry labels, times in seconds and values as texts")
    func queries() async throws {
        let archive = try archive()
        try await withReader(archive.path) { [base] reader in
            let instant = try await reader.get(
                "\(base)/query?query=temps_stage_1&time=\(at(59).unixSeconds)"
            )
            let data = try Self.parsed(instant.text)["data"] as? NSDictionary
            #expect(data?["resultType"] as? String == "vector")
            let found = (data?["result"] as? [NSDictionary])?.first
            #expect(found?["metric"] as? [String: String] == Self.labels)
            #expect(found?["value"] as? NSArray == [1_795_240_859, "4"])
            // One sample of 60 is far out: it survives in the maximum.
            let range = try await reader.get(
                "\(base)/query_range",
                method: .post,
                body: "query=max_over_time(temps_stage_1[20s])&start=\(at(0).unixSeconds)"
                    + "&end=\(at(60).unixSeconds)&step=20s"
            )
            let matrix = try Self.parsed(range.text)["data"] as? NSDictionary
            let series = (matrix?["result"] as? [NSDictionary])?.first
            #expect((series?["metric"] as? NSDictionary)?["__name__"] == nil)
            #expect(
                series?["values"] as? NSArray == [
                    [1_795_240_820, "4"], [1_795_240_840, "99"], [1_795_240_860, "4"],
                ]
            )
            let truth = try await reader.get(
                "\(base)/query?query=avg_over_time(temps_ok[1m])&time=\(at(60).unixSeconds)"
            )
            #expect(truth.text.contains(#""0.5""#))
            let texts = try await reader.get(
                "\(base)/query?query=temps_mode&time=\(at(59).unixSeconds)"
            )
            #expect(texts.text.contains(#""result":[]"#))
            let samples = try await reader.get(
                "\(base)/query?query=temps_stage_1[2s]&time=\(at(59).unixSeconds)"
            )
            #expect(samples.text.contains(#""values":[[1795240858,"4"],[1795240859,"4"]]"#))
        }
    }

    @Test("labels, their values, series and metadata list what the archive has")
    func catalogue() async throws {
        let archive = try archive()
        try await withReader(archive.path) { [base] reader in
            let names = try Self.parsed(try await reader.get("\(base)/labels").text)
            #expect(
                names["data"] as? [String] == [
                    "__name__", "agent", "class", "feed", "field", "host", "site", "unit",
                ]
            )
            let metrics = try Self.parsed(
                try await reader.get("\(base)/label/__name__/values").text
            )
            #expect(metrics["data"] as? [String] == ["temps_ok", "temps_stage_1"])
            let none = try Self.parsed(try await reader.get("\(base)/label/U__x/values").text)
            #expect(none["data"] as? [String] == [])
            let series = try await reader.get(
                "\(base)/series?match[]=%7Bunit%3D~%22K%7Cm%22%7D&start=\(at(0).unixSeconds)"
            )
            #expect(try Self.parsed(series.text)["data"] as? [[String: String]] == [Self.labels])
            let limited = try Self.parsed(try await reader.get("\(base)/labels?limit=2").text)
            #expect((limited["data"] as? [String])?.count == 2)
            let metadata = try Self.parsed(try await reader.get("\(base)/metadata").text)
            let known = (metadata["data"] as? NSDictionary)?["temps_stage_1"]
            #expect(
                known as? [NSDictionary]
                    == [["type": "gauge", "help": "the cold stage", "unit": "K"]]
            )
            for (path, text) in [
                ("rules", #"{"groups":[]}"#), ("alerts", #"{"alerts":[]}"#),
                ("query_exemplars", "[]"),
            ] {
                let answer = try await reader.get("\(base)/\(path)")
                #expect(answer.text == "{\"status\":\"success\",\"data\":\(text)}\n")
            }
        }
    }

    @Test(
        "what is wrong is an error in Prometheus' form",
        arguments: [
            ("query?query=1%2B", 400, "bad_data", "found the end"),
            ("query", 400, "bad_data", "`query` is missing"),
            ("query?query=median(temps_ok)", 400, "bad_data", "avg_over_time"),
            ("query?query=1&time=yesterday", 400, "bad_data", "`time` is `yesterday`"),
            ("query_range?query=1&start=5&end=4&step=1", 400, "bad_data", "before the start"),
            ("query_range?query=1&start=1&end=4&step=0", 400, "bad_data", "`step` is `0`"),
            ("query_range?query=1&start=1&end=40000&step=1", 400, "bad_data", "at most 11000"),
            ("query_range?query=1&end=4&step=1", 400, "bad_data", "`start` or `end` is missing"),
            ("series", 400, "bad_data", "`match[]` is missing"),
            ("series?match[]=1", 400, "bad_data", "is no selector"),
            ("labels?limit=many", 400, "bad_data", "`limit` is `many`"),
            (
                "query?query=temps_a%2Bon()%7Bagent%3D%22cryo%22%7D&time=1795240859", 422,
                "execution",
                "several series"
            ),
        ]
    )
    func refused(path: String, status: Int, type: String, words: String) async throws {
        let archive = try TemporaryArchive()
        let feed = Feed("temps", fields: [Field("a"), Field("b")], period: .seconds(1))
        let row = Block(timestamps: [at(59)], columns: [.doubles([1]), .doubles([2])])
        try archive.commit("cryo", feed, row)
        try await withReader(archive.path) { [base] reader in
            let answer = try await reader.get("\(base)/\(path)")
            #expect(answer.status == status, "\(answer.text)")
            let parsed = try Self.parsed(answer.text)
            #expect(parsed["status"] as? String == "error")
            #expect(parsed["errorType"] as? String == type)
            #expect((parsed["error"] as? String)?.contains(words) == true, "\(answer.text)")
        }
    }

    @Test("a form that is too long is refused, not collected")
    func longForm() async throws {
        let archive = try archive()
        try await withReader(archive.path) { [base] reader in
            let foreign = try await reader.get(
                "\(base)/query",
                origin: "http://evil.example",
                method: .post,
                body: "query=1"
            )
            #expect(foreign.status == 403)
            // The last one, since it ends the connection.
            let answer = try await reader.get(
                "\(base)/query",
                method: .post,
                body: "query=" + String(repeating: "1", count: ReaderLimits.bodyBytes)
            )
            #expect(answer.status == 413 && answer.text.contains("65536 are possible"))
        }
    }
}

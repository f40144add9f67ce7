import Foundation
import Hummingbird
import Telemetry
import Testing

@testable import Reader

@Suite(
    "HTTP answers what the archive holds, and says why where it does not",
    .timeLimit(.minutes(10))
)
struct ReaderHTTPTests {
    private let feed = Feed("temps", fields: [Field("stage", unit: .kelvin)], period: .seconds(1))

    private func archive() throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        try archive.commit("cryo", feed, block(0, [4, 5, 6, 7]))
        return archive
    }

    private func parsed(_ text: String) throws -> NSDictionary {
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary ?? [:]
    }

    @Test("fields, data, gaps, limits and health are answered")
    func answers() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let health = try await reader.get("/healthz")
            #expect(health.status == 200 && health.text == "{\"status\":\"ok\"}\n")

            let fields = try await reader.get("/api/v1/fields")
            #expect(fields.headers[.contentType] == "application/json")
            #expect(
                try parsed(fields.text) == [
                    "fields": [
                        "cryo.temps.stage": [
                            "description": NSNull(), "timeline": "cryo.temps", "type": "number",
                            "value_type": "double", "units": "K",
                            "last": at(3).nanoseconds,
                        ]
                    ],
                    "timelines": [
                        "cryo.temps": ["interval": 1, "field": ["cryo.temps.stage"]]
                    ],
                    "notes": [],
                ]
            )
            let none = try await reader.get("/api/v1/fields?match=dome.*&start=-1h")
            #expect(
                try parsed(none.text) == [
                    "fields": [:], "timelines": [:],
                    "notes": ["no field `dome.*` has samples at any time"],
                ]
            )

            let data = try await reader.get(
                "/api/v1/data?field=cryo.temps.stage&field=no.such.field&start=-99&end=-97"
            )
            let answer = try parsed(data.text)
            #expect(
                answer["data"] as? NSDictionary
                    == ["cryo.temps.stage": [5, 6], "no.such.field": [Any]()]
            )
            #expect(
                answer["timeline"] as? NSDictionary == [
                    "cryo.temps": [
                        "t": [1_795_240_801, 1_795_240_802], "fields": ["cryo.temps.stage"],
                        "units": ["K"], "finalized_until": 1_795_240_803, "revision": 0,
                    ]
                ]
            )
            #expect(answer["tier"] as? String == "raw")

            let gaps = try await reader.get("/api/v1/gaps?start=-1h")
            #expect(try parsed(gaps.text)["gaps"] as? [NSDictionary] == [])
            let limits = try await reader.get("/api/v1/limits")
            #expect(try parsed(limits.text)["values"] as? Int == ReaderLimits.values)
        }
    }

    @Test("data come as CSV and NDJSON too, times in nanoseconds or ISO 8601")
    func forms() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let address = "/api/v1/data?field=cryo.*&start=-100&end=-98"
            let csv = try await reader.get(address + "&time=iso", accept: "text/csv")
            #expect(csv.headers[.contentType] == "text/csv")
            #expect(
                csv.text == """
                    time,cryo.temps.stage [K]
                    2026-11-21T06:00:00Z,4.0
                    2026-11-21T06:00:01Z,5.0

                    """
            )
            let lines = try await reader.get(address, accept: "application/x-ndjson")
            #expect(lines.text.split(separator: "\n").count == 3)
            #expect(lines.text.hasPrefix("{\"t\":1795240800,\"cryo.temps.stage\":4.0}\n"))
            let exact = try await reader.get(address + "&time=ns&max_points=1")
            #expect(exact.text.contains("\"t\":[\"1795240800000000000\"]"))
            #expect(exact.text.contains("\"mean\":[4.5]"))
            let type = "application/vnd.apache.arrow.stream"
            let arrow = try await reader.get(address, accept: type)
            #expect(arrow.headers[.contentType] == type)
            #expect(arrow.text.contains("cryo.temps.stage"))
            #expect(arrow.text.contains("\"tier\":"))
            let none = try await reader.get(address, accept: "application/pdf")
            #expect(none.status == 406)
        }
    }

    @Test("errors are JSON with a code, a reason, and what to do")
    func errors() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let field = "/api/v1/data?field=cryo.temps.stage"
            let long = "/api/v1/data?start=-1h&field=" + String(repeating: "x", count: 66_000)
            let cases: [(address: String, status: Int, code: String, words: String)] = [
                (field + "&start=never", 400, "parameter.invalid", "`start` is `never`"),
                (field, 400, "parameter.invalid", "`start` is missing"),
                (field + "&start=-1&end=-2", 422, "parameter.invalid", "is not before the end"),
                (field + "&start=-1&max_point=5", 400, "parameter.invalid", "`max_points`?"),
                (
                    field + "&start=-1&time=min", 400, "parameter.invalid",
                    "is `min`; expected one of"
                ),
                (field + "&start=-1&max_points=0", 400, "parameter.invalid", "is `0`; expected an"),
                ("/api/v1/field", 404, "action.unknown", "did you mean `/api/v1/fields`?"),
                ("/api/v1/agents", 503, "target.unknown", "no registry at 127.0.0.1:5560"),
                (long, 413, "query.limit", "65536 are possible"),
            ]
            for (address, status, code, words) in cases {
                let answer = try await reader.get(address)
                let label = Comment(rawValue: "\(address.prefix(100)): \(answer.text)")
                #expect(answer.status == status, label)
                let error = try parsed(answer.text)["error"] as? [String: Any]
                #expect(error?["code"] as? String == code, label)
                #expect((error?["message"] as? String)?.contains(words) == true, label)
            }
            let post = try await reader.get("/api/v1/fields", method: .delete)
            #expect(post.status == 405)
            #expect(post.text.contains("`DELETE` is not possible here; there is GET, HEAD"))
            #expect(post.headers[.allow] == "GET, HEAD")
            let live = try await reader.get("/api/v1/live", method: .head)
            #expect(live.status == 405 && live.headers[.allow] == "GET")
            let start = try await reader.get("/api/v1/agents/cryo/ops/acquire/start")
            #expect(start.status == 405 && start.headers[.allow] == "POST")
        }
    }

    @Test("a page of another site gets nothing, by whatever name it comes")
    func rebinding() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:80", "127.1.2.3"] {
                #expect(try await reader.get("/healthz", host: host).status == 200)
            }
            for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "127.0.0.1:x"]
            {
                let answer = try await reader.get("/healthz", host: host)
                #expect(answer.status == 403 && answer.text.contains("\"refused\""))
            }
            let here = "http://localhost:3000"
            #expect(try await reader.get("/healthz", origin: here).status == 200)
            for origin in ["http://evil.example", "null", "https://127.0.0.1.evil.example"] {
                #expect(try await reader.get("/healthz", origin: origin).status == 403)
            }
        }
        try await withReader(archive.path, behindProxy: true) { reader in
            let answer = try await reader.get("/healthz", host: "telescope.example")
            #expect(answer.status == 200)
        }
    }

    // Goal: a commit is in an answer soon, without anybody telling the client.
    // Method: the client asks until it sees the sample; the time limit of the suite is the bound.
    @Test("a commit appears in an answer while the reader runs, with and without a wake")
    func follows() async throws {
        let archive = try archive()
        let commit: @Sendable (Double) throws -> Void = { [box = UncheckedArchive(archive)] first in
            try box.archive.commit("cryo", Feed.temps, block(first, [9]))
        }
        try await withReader(archive.path) { reader in
            for (second, isWoken) in [(10.0, true), (11.0, false)] {
                try commit(second)
                if isWoken { reader.wake.wake() }
                while !(try await reader.get("/api/v1/data?field=cryo.*&start=-1h").text)
                    .contains("\(Int64(1_795_240_800 + second))")
                {}
            }
            #expect(reader.backing.degradations == [nil])
        }
    }
}

extension Feed {
    fileprivate static let temps = Feed(
        "temps",
        fields: [Field("stage", unit: .kelvin)],
        period: .seconds(1)
    )
}

// The test hands the archive to one task at a time.
private struct UncheckedArchive: @unchecked Sendable {
    let archive: TemporaryArchive

    init(_ archive: TemporaryArchive) { self.archive = archive }
}

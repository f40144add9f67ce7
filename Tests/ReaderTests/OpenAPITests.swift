import Foundation
import HTTPTypes
import Telemetry
import Testing

@testable import Reader

/// Compares JSON with a schema, as far as the reader's schemas go.
private struct SchemaChecker {
    let shared: [String: Any]

    /// What is wrong with `value` at `place`; empty if nothing is.
    func problems(_ value: Any, _ schema: Any?, _ place: String) -> [String] {
        guard let schema = schema as? [String: Any] else { return ["\(place) has no schema"] }
        if let name = (schema["$ref"] as? String)?.split(separator: "/").last {
            return problems(value, shared[String(name)], place)
        }
        if let any = schema["anyOf"] as? [Any] {
            let all = any.map { problems(value, $0, place) }
            return all.contains(where: \.isEmpty) ? [] : all.first ?? []
        }
        if let known = schema["enum"] as? [String], !known.contains(value as? String ?? "") {
            return ["\(place) is \(value), not one of \(known)"]
        }
        switch schema["type"] as? String {
        case "object": return problems(ofMap: value, schema, place)
        case "array":
            guard let list = value as? [Any] else { return ["\(place) is no list"] }
            return list.enumerated().flatMap {
                problems($1, schema["items"], "\(place)[\($0)]")
            }
        case "string": return value is String ? [] : ["\(place) is no text: \(value)"]
        case "number", "integer":
            return value is NSNumber ? [] : ["\(place) is no number: \(value)"]
        case "null": return value is NSNull ? [] : ["\(place) is not null: \(value)"]
        default: return []
        }
    }

    private func problems(ofMap value: Any, _ schema: [String: Any], _ place: String) -> [String] {
        guard let map = value as? [String: Any] else { return ["\(place) is no map: \(value)"] }
        let members = schema["properties"] as? [String: Any] ?? [:]
        let needed = schema["required"] as? [String] ?? []
        var found = needed.filter { map[$0] == nil }.map { "\(place) lacks \($0)" }
        for (name, member) in map {
            let known = members[name] ?? schema["additionalProperties"]
            if known == nil {
                found.append("\(place) has an unknown \(name)")
            } else {
                found += problems(member, known, "\(place).\(name)")
            }
        }
        return found
    }
}

@Suite("The description of HTTP is what the server does", .timeLimit(.minutes(10)))
struct OpenAPITests {
    private let feed = Feed(
        "temps",
        fields: [Field("stage", unit: .kelvin), Field("note", .string)],
        period: .seconds(1)
    )

    /// What is given for each parameter that is needed, or not to be left out.
    private static let examples = [
        "field": "cryo.*", "start": "1795240800", "end": "1795240860", "step": "10",
        "query": "temps_stage", "match[]": "temps_stage", "label": "agent", "instance": "cryo",
        "operation": "acquire", "action": "status", "max_points": "3",
        "change": "take",
        "version": String(MonitorAsset.folder.dropFirst("/monitor/".count)), "part": "main.js",
    ]

    /// What is posted as JSON.
    private static let posted = [
        "/grafana/search": #"{"target":"stage"}"#,
        "/grafana/query": """
        {"range":{"from":"2026-11-21T06:00:00Z","to":"2026-11-21T06:01:00Z"},
         "targets":[{"target":"cryo.*","type":"timeserie"},{"target":"cryo.*","type":"table"}]}
        """,
        "/grafana/annotations": """
        {"range":{"from":"2026-11-21T06:00:00Z","to":"2026-11-21T06:01:00Z"},
         "annotation":{"name":"gaps","query":""}}
        """,
        "/api/v1/agents/{instance}/control/{change}": #"{"reason":"tests"}"#,
        "/grafana/tag-keys": "{}",
        "/grafana/tag-values": #"{"key":"agent"}"#,
    ]

    private func archive() throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        try archive.commit(
            "cryo",
            feed,
            Block(
                timestamps: (0..<9).map { at(Double($0)) },
                columns: [
                    .doubles((0..<9).map { $0 == 3 ? nil : $0 == 4 ? .infinity : 4 }),
                    .strings((0..<9).map { "n\($0)" }),
                ]
            )
        )
        try archive.commit(
            LedgerEntry(
                instance: "cryo",
                feed: nil,
                from: at(3),
                to: at(4),
                count: 1,
                cause: "spool full"
            )
        )
        return archive
    }

    private static func site() -> FixedSite {
        var row = InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
        row.faults = [Fault(id: "clock", severity: .error, since: at(0), text: "off")]
        return FixedSite([row])
    }

    // Goal: nobody who trusts the description is disappointed.
    // Method: each path and method of it is asked, in each form that it names.
    @Test("each path and method answers with the status, type and shape that are described")
    func described() async throws {
        let archive = try archive()
        try await withReader(archive.path, site: Self.site()) { reader in
            let text = try await reader.get("/api/v1/openapi.json").text
            let document =
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
            #expect(document["openapi"] as? String == "3.1.0")
            let components = document["components"] as? [String: Any]
            let checker = SchemaChecker(shared: components?["schemas"] as? [String: Any] ?? [:])
            let paths = document["paths"] as? [String: [String: [String: Any]]] ?? [:]
            #expect(paths.count > 20)
            // A stream does not end, and a login needs a token.
            for (path, methods) in paths
            where path != "/api/v1/live" && path != LoginRoutes.login {
                for (method, operation) in methods {
                    try await ask(reader, path, method, operation, checker)
                }
            }
        }
    }

    private func ask(
        _ reader: RunningReader,
        _ path: String,
        _ method: String,
        _ operation: [String: Any],
        _ checker: SchemaChecker
    ) async throws {
        let (address, body) = question(path, operation)
        let responses = operation["responses"] as? [String: [String: Any]] ?? [:]
        let content = responses["200"]?["content"] as? [String: [String: Any]] ?? [:]
        #expect(!content.isEmpty, "\(path)")
        for (type, description) in content {
            let answer = try await reader.get(
                address,
                accept: type,
                method: HTTPRequest.Method(method.uppercased()) ?? .get,
                body: body
            )
            let hint: Comment = "\(method) \(address) as \(type): \(answer.text.prefix(400))"
            #expect(answer.status == 200, hint)
            let given = answer.headers[.contentType] ?? ""
            // A part of the page has the type that it is of, whatever is asked for.
            let isPart = path.hasPrefix("/monitor/")
            #expect((isPart ? Array(content.keys) : [type]).contains(where: given.hasPrefix), hint)
            guard type == "application/json" else { continue }
            let json = try JSONSerialization.jsonObject(with: Data(answer.text.utf8))
            let problems = checker.problems(json, description["schema"], path)
            #expect(problems.isEmpty, "\(problems): \(answer.text.prefix(400))")
        }
    }

    /// The address and the form, with an example of each parameter that has one.
    private func question(_ path: String, _ operation: [String: Any]) -> (String, String?) {
        var address = path
        var pairs: [String] = []
        for parameter in operation["parameters"] as? [[String: Any]] ?? [] {
            let name = parameter["name"] as? String ?? ""
            let example = Self.examples[name]
            if parameter["required"] as? Bool == true { #expect(example != nil, "\(name)") }
            guard let example else { continue }
            if parameter["in"] as? String == "path" {
                address = address.replacingOccurrences(of: "{\(name)}", with: example)
            } else {
                pairs.append("\(name)=\(example)")
            }
        }
        if !pairs.isEmpty { address += "?" + pairs.joined(separator: "&") }
        if let body = Self.posted[path] { return (address, body) }
        let body = operation["requestBody"] as? [String: Any]
        let content = body?["content"] as? [String: [String: [String: Any]]]
        let form = content?["application/x-www-form-urlencoded"]?["schema"]
        let members = (form?["properties"] as? [String: Any])?.keys.sorted() ?? []
        let given = members.compactMap { name in Self.examples[name].map { "\(name)=\($0)" } }
        return (address, form == nil ? nil : given.joined(separator: "&"))
    }

    @Test("an event stream begins with its type, and ends with its connection")
    func events() async throws {
        let archive = try archive()
        try await withReader(archive.path, site: Self.site()) { reader in
            _ = try await reader.get("/api/v1/agents")
            let connection = RawConnection(port: reader.port)
            connection.send("GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let text = await connection.read(until: "event: agents")
            #expect(text.hasPrefix("HTTP/1.1 200"))
            #expect(text.lowercased().contains("content-type: text/event-stream"))
        }
    }

    @Test("what the checker calls right is right")
    func checker() {
        let checker = SchemaChecker(shared: [:])
        let schema: [String: Any] = [
            "type": "object", "required": ["a"], "properties": ["a": ["type": "string"]],
        ]
        #expect(checker.problems(["a": "x"], schema, "").isEmpty)
        #expect(checker.problems(["a": 1], schema, "").count == 1)
        #expect(checker.problems(["b": "x"], schema, "").count == 2)
        #expect(checker.problems([1], schema, "").count == 1)
    }
}

import CerroTesting
import Foundation
import Testing

@Suite("What Grafana is given works", .timeLimit(.minutes(10)))
struct GrafanaTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "deploy/grafana")

    private struct Dashboard: Decodable {
        struct Panel: Decodable {
            struct Target: Decodable { let expr: String }
            let title: String
            let datasource: Source
            let targets: [Target]
        }
        struct Source: Decodable { let uid: String }
        let panels: [Panel]
    }

    private static let agents = [
        "{class: FakeData, id: fake-1, start: [acquire]}",
        "{class: HostMetrics, id: host-1, start: [acquire]}",
    ]

    @Test("the data source is Grafana's own, at the demo site's address")
    func source() throws {
        let file = Self.folder.appending(path: "provisioning/datasources/cerro.yaml")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .map { $0.trimmingCharacters(in: .whitespaces) }
        for line in [
            "type: prometheus", "uid: cerro", "url: http://127.0.0.1:8080/prometheus",
        ] {
            #expect(lines.contains(line))
        }
        let site = Self.folder.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "site-config/demo.yaml")
        #expect(try String(contentsOf: site, encoding: .utf8).contains("CERRO_HTTP_PORT:-8080"))
    }

    // Goal: no panel of the dashboard is empty.
    // Method: every expression of the file goes to a running reader, as Grafana asks it.
    @Test("every expression of the dashboard has data")
    func dashboard() async throws {
        let file = Self.folder.appending(path: "dashboards/demo.json")
        let dashboard = try JSONDecoder().decode(Dashboard.self, from: Data(contentsOf: file))
        #expect(dashboard.panels.count >= 6)
        try await ProcessSite.run(agents: Self.agents) { site in
            let base = "http://127.0.0.1:\(try await site.untilServed())/prometheus/api/v1"
            for panel in dashboard.panels {
                #expect(panel.datasource.uid == "cerro")
                for target in panel.targets {
                    let expression = target.expr
                        .replacingOccurrences(of: "$__interval", with: "5s")
                        .replacingOccurrences(of: "$agent", with: ".+")
                    try await eventually("data of \(panel.title): \(expression)") {
                        try await Self.hasData(expression, base) ? true : nil
                    }
                }
            }
        }
    }

    // Goal: "Save & test" is green, the variable of the dashboard has choices, the query editor has
    // names, units and suggestions.
    // Method: what Grafana's data source for Prometheus sends, as it sends it: forms by POST, but
    // values of labels and metadata, which it only ever gets.
    @Test("what Grafana asks beside panels is answered in the shapes that it expects")
    func editor() async throws {
        let text = try String(
            contentsOf: Self.folder.appending(path: "dashboards/demo.json"),
            encoding: .utf8
        )
        #expect(text.contains(#"label_values({unit=\"K\"}, agent)"#))
        try await ProcessSite.run(agents: Self.agents) { site in
            let base = "http://127.0.0.1:\(try await site.untilServed())/prometheus/api/v1"
            let kelvin = #"match[]={unit="K"}"#
            let questions: [(words: [String], answer: String)] = [
                (["/query", "-d", "query=1%2B1&time=4"], #""result":[4,"2"]"#),
                (["/status/buildinfo"], #""version":"2.42.0""#),
                (["/label/agent/values", "-G", "--data-urlencode", kelvin], #"["fake-1"]"#),
                (["/label/__name__/values?limit=40000"], #""false_temperatures_channel_00""#),
                (["/labels", "--data-urlencode", kelvin], #""agent""#),
                (["/series", "--data-urlencode", kelvin], #""unit":"K""#),
                (["/metadata?metric=false_temperatures_channel_00"], #""unit":"K""#),
                (["/query_exemplars", "-d", "query=x"], #""data":[]"#),
                (["/rules"], #""groups":[]"#), (["/alerts"], #""alerts":[]"#),
                (
                    ["/query", "--data-urlencode", "query=rate(counter_n[1m0s]) # \n"],
                    #""resultType":"vector""#
                ),
            ]
            for (words, answer) in questions {
                try await eventually("\(words) tells \(answer)") {
                    let ask = try RunningProgram(
                        words: ["curl", "-s", base + words[0]] + words.dropFirst()
                    )
                    try await ask.untilEnd()
                    return ask.output.contains(#""status":"success""#)
                        && ask.output.contains(answer) ? true : nil
                }
            }
        }
    }

    private static func hasData(_ expression: String, _ base: String) async throws -> Bool {
        let now = Date().timeIntervalSince1970
        let ask = try RunningProgram(
            words: [
                "curl", "-s", "\(base)/query_range", "--data-urlencode", "query=\(expression)",
                "-d", "start=\(now - 60)&end=\(now)&step=5",
            ]
        )
        try await ask.untilEnd()
        #expect(ask.output.contains(#""status":"success""#), "\(expression): \(ask.output)")
        return ask.output.contains(#""values":[["#)
    }
}

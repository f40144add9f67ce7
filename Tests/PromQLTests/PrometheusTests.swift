import CerroTesting
import Foundation
import PromQL
import Telemetry
import Testing

// Goal: our answers are Prometheus' own.
// Method: series drawn from a seed and a table of expressions; `promtool test rules`, which runs
// Prometheus' engine on the same series, must find each of our answers right. Samples lie on
// multiples of 10 s and the instants between them, since at their edges windows may differ.
@Suite struct PrometheusTests {
    private static let expressions = [
        "kelvin", "kelvin{agent='a'}", "kelvin{agent=~'a|c'}", "kelvin{agent!='a'}",
        "{__name__=~'kel.*',agent!~'[ab]'}", "kelvin offset 2m", "kelvin - 4", "4 - kelvin",
        "kelvin / 4 * 2 + 1", "-kelvin ^ 2", "kelvin % 3", "2 ^ 3 ^ 2 + 0 * kelvin", "kelvin > 2",
        "kelvin <= bool 2", "3 != kelvin", "kelvin == kelvin", "kelvin + kelvin",
        "kelvin * on (agent) flow", "flow - ignoring (site) flow", "sum(kelvin)",
        "sum by (site) (kelvin)", "avg without (agent) (kelvin)", "min(kelvin) by (site)",
        "max(kelvin + 1)", "count(kelvin > 2)",
        "min_over_time(kelvin[90s])", "max_over_time(kelvin[5m] offset 1m)",
        "sum_over_time(kelvin[2m])", "count_over_time(kelvin[1m30s])",
        "last_over_time(kelvin[1m])", "changes(kelvin[5m])", "delta(kelvin[4m])",
        "max_over_time(kelvin[2m]) - min_over_time(kelvin[2m])",
    ]
    /// Divisions may differ in the last digit; both sides round them.
    private static let quotients = [
        "avg_over_time(kelvin[4m])", "rate(counter[4m])", "sum by (site) (rate(counter[3m]))",
    ]

    @Test("promtool finds our answers right", arguments: [1, 2, 3] as [UInt64])
    func sameAnswers(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        func draw(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
        var source = MemorySource()
        for (agent, site) in [("a", "north"), ("b", "north"), ("c", "south")] {
            source.add(
                ["__name__": "kelvin", "agent": agent, "site": site],
                every: 10,
                (0..<60).map { _ in Double(draw(32)) / 4 }
            )
            source.add(
                ["__name__": "flow", "agent": agent],
                every: 10,
                (0..<60).map { _ in Double(draw(16) + 1) }
            )
            var count = 0.0
            source.add(
                ["__name__": "counter", "agent": agent, "site": site],
                every: 10,
                (0..<60).map { _ in
                    count = draw(12) == 0 ? 0 : count + Double(draw(5))
                    return count
                }
            )
        }
        let report = try await promtool(try rules(source, seconds: [95, 335, 585, 635]))
        #expect(report.contains("SUCCESS"), "seed \(seed): \(report)")
    }

    private func rules(_ source: MemorySource, seconds: [Int64]) throws -> String {
        var text = "evaluation_interval: 10s\ntests:\n  - interval: 10s\n    input_series:\n"
        for series in source.series {
            text += "      - series: '\(form(series.labels))'\n"
            text += "        values: '\(series.values.map { "\($0)" }.joined(separator: " "))'\n"
        }
        text += "    promql_expr_test:\n"
        for expression in Self.expressions + Self.quotients {
            let isRounded = Self.quotients.contains(expression)
            for second in seconds {
                let answer = try PromQLQuery(expression)
                    .answer(at: Timestamp(seconds: second), from: source)
                guard case .vector(let found) = answer else {
                    Issue.record("\(expression) is no vector")
                    continue
                }
                let asked = isRounded ? "round(\(expression) * 1e6)" : expression
                text += "      - expr: \"\(asked)\"\n        eval_time: \(second)s\n"
                text += "        exp_samples:" + (found.isEmpty ? " []\n" : "\n")
                for series in found {
                    text += "          - labels: '\(form(series.labels))'\n"
                    let value = series.values[0] ?? .nan
                    let told = isRounded ? (value * 1e6 + 0.5).rounded(.down) : value
                    text += "            value: \(told)\n"
                }
            }
        }
        return text
    }

    private func form(_ labels: [String: String]) -> String {
        let pairs = labels.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
        let name = labels["__name__"] ?? ""
        return name + "{" + pairs.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",") + "}"
    }

    private func promtool(_ rules: String) async throws -> String {
        let folder = try TemporaryFolder()
        let file = URL(filePath: folder.path + "/rules.yaml")
        try rules.write(to: file, atomically: true, encoding: .utf8)
        let program = try RunningProgram(words: ["promtool", "test", "rules", file.path])
        try await program.untilEnd()
        return program.output
    }
}

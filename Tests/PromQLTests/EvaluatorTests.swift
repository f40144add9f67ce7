import PromQL
import Telemetry
import Testing

@Suite struct EvaluatorTests {
    private static let table: [(text: String, second: Int64, expected: [String: Double])] = [
        ("kelvin", 45, ["a": 8, "b": 1]),
        ("kelvin offset 20s", 45, ["a": 6, "b": 2]),
        ("kelvin{agent!~'a|c'}", 45, ["b": 1]),
        ("kelvin", 10_000, [:]),
        ("max_over_time(kelvin[30s])", 45, ["a": 8, "b": 2]),
        ("count_over_time(kelvin[30s])", 45, ["a": 3, "b": 3]),
        ("avg_over_time(kelvin{agent='a'}[30s])", 45, ["a": 7]),
        ("sum_over_time(kelvin[30s] offset 20s)", 45, ["a": 15, "b": 4]),
        ("changes(kelvin[1m])", 45, ["a": 4, "b": 2]),
        ("delta(kelvin{agent='a'}[20s])", 25, ["a": 2]),
        ("rate(counter[40s])", 45, ["a": 25.0 / 30]),
        ("sum(kelvin)", 45, ["": 9]),
        ("min by (agent) (kelvin)", 45, ["a": 8, "b": 1]),
        ("count without (agent) (kelvin)", 45, ["": 2]),
        ("kelvin > 5", 45, ["a": 8]),
        ("5 < kelvin", 45, ["a": 8]),
        ("kelvin > bool 5", 45, ["a": 1, "b": 0]),
        ("-kelvin ^ 2", 45, ["a": -64, "b": -1]),
        ("kelvin / on (agent) counter", 45, ["a": 8.0 / 15]),
        ("kelvin - ignoring (field) counter", 45, ["a": -7]),
        ("2 * kelvin % 5", 45, ["a": 1, "b": 2]),
    ]

    private func source() -> MemorySource {
        var source = MemorySource()
        source.add(
            ["__name__": "kelvin", "agent": "a", "field": "t1"],
            every: 10,
            [4, 5, 6, .nan, 8, 9, 10]
        )
        source.add(
            ["__name__": "kelvin", "agent": "b", "field": "t1"],
            every: 10,
            [1, 1, 2, 2, 1]
        )
        source.add(
            ["__name__": "counter", "agent": "a", "field": "n"],
            every: 10,
            [0, 10, 20, 5, 15]
        )
        return source
    }

    private func vector(_ text: String, at second: Int64) throws -> [String: Double] {
        let answer = try PromQLQuery(text).answer(at: Timestamp(seconds: second), from: source())
        guard case .vector(let series) = answer else {
            Issue.record("\(text) is \(answer)")
            return [:]
        }
        var found: [String: Double] = [:]
        for series in series { found[series.labels["agent"] ?? ""] = series.values[0] }
        return found
    }

    @Test(
        "an instant query answers the values of its series",
        arguments: table
    )
    func instants(text: String, second: Int64, expected: [String: Double]) throws {
        let found = try vector(text, at: second)
        #expect(found.keys.sorted() == expected.keys.sorted())
        for (agent, value) in expected {
            #expect(abs((found[agent] ?? .nan) - value) < 1e-9, "\(agent): \(found)")
        }
    }

    @Test(
        "numbers follow the rules of precedence",
        arguments: [
            ("1+1", 2), ("2 + 3 * 4", 14), ("-2 ^ 2", -4), ("2 ^ 3 ^ 2", 512), ("7 - 2 - 1", 4),
            ("(1 + 2) * 3", 9), ("1 > bool 2", 0), ("7 % 4", 3), (".5 + 5.", 5.5), ("1e3 / Inf", 0),
        ]
    )
    func numbers(text: String, expected: Double) throws {
        let answer = try PromQLQuery(text).answer(at: Timestamp(seconds: 4), from: MemorySource())
        #expect(answer == .scalar([expected]))
    }

    @Test("a range query answers each step, and nothing where there is no sample")
    func range() throws {
        let steps = try Steps(
            from: Timestamp(seconds: 0),
            to: Timestamp(seconds: 360),
            step: .seconds(60)
        )
        let answer = try PromQLQuery("max_over_time(kelvin{agent='a'}[1m])")
            .answer(at: steps, from: source())
        guard case .vector(let series) = answer else { return #expect(Bool(false)) }
        #expect(series.map(\.values) == [[nil, 9, 10, nil, nil, nil, nil]])
        #expect(series.map(\.labels) == [["agent": "a", "field": "t1"]])
    }

    @Test("a window of one instant answers its samples")
    func samples() throws {
        let answer = try PromQLQuery("counter[20s]").answer(
            at: Timestamp(seconds: 30),
            from: source()
        )
        guard case .samples(let series) = answer else { return #expect(Bool(false)) }
        #expect(series.map(\.values) == [[20, 5]])
        #expect(series.map(\.times) == [[Timestamp(seconds: 20), Timestamp(seconds: 30)]])
    }

    @Test("series that nothing tells apart any more are an error, not one of them by chance")
    func ambiguous() throws {
        for text in [
            "-{agent='a'}", "kelvin + on () counter", "rate({agent=~'.+', field='n'}[1m]) * 1",
        ] {
            var source = source()
            source.add(
                ["__name__": "other", "agent": "a", "field": "n"],
                every: 10,
                [1, 2, 3, 4, 5]
            )
            source.add(
                ["__name__": "third", "agent": "a", "field": "t1"],
                every: 10,
                [1, 2, 3, 4, 5]
            )
            let error = try #require(throws: PromQLError.self) {
                try PromQLQuery(text).answer(at: Timestamp(seconds: 45), from: source)
            }
            #expect("\(error)".contains("several series"), "\(error)")
        }
    }

    @Test("windows that would be cut into too many buckets are refused")
    func buckets() throws {
        let steps = try Steps(
            from: Timestamp(seconds: 0),
            to: Timestamp(seconds: 86_400 * 30),
            step: .seconds(3_599)
        )
        let query = try PromQLQuery("avg_over_time(kelvin[1h])")
        #expect(throws: PromQLError.self) { try query.answer(at: steps, from: source()) }
    }
}

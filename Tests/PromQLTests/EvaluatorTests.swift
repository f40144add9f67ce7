import CerroTesting
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

    // Goal: windows may overlap, touch or lie apart, and are cut into buckets in each case.
    // Method: each is worked out again from the samples between its start and its end.
    @Test("a window tells of the samples from its start to its end", arguments: 1...30)
    func windows(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var source = MemorySource()
        let values = (0..<200).map { _ in Double(Int.random(in: 0...99, using: &random)) }
        source.add(["__name__": "x"], every: 1, values)
        let step = Int64.random(in: 1...40, using: &random)
        let window = Int64.random(in: 1...120, using: &random)
        let start = Int64.random(in: -50...100, using: &random)
        let steps = try Steps(
            from: Timestamp(seconds: start),
            to: Timestamp(seconds: start + Int64.random(in: 0...200, using: &random)),
            step: .seconds(step)
        )
        func naive(_ result: ([Double]) -> Double) -> [Double?] {
            (0..<Int64(steps.count)).map { number in
                let end = start + number * step
                let range = max(0, end - window)..<max(0, end)
                let inside = values[range.clamped(to: 0..<200).map(Int.init)]
                return inside.isEmpty ? nil : result(inside)
            }
        }
        for (name, expected) in [
            ("count", naive { Double($0.count) }), ("sum", naive { $0.reduce(0, +) }),
            ("max", naive { $0.max() ?? .nan }), ("min", naive { $0.min() ?? .nan }),
        ] {
            let query = try PromQLQuery("\(name)_over_time(x[\(window)s])")
            guard case .vector(let found) = try query.answer(at: steps, from: source) else {
                Issue.record("\(name) is no vector")
                continue
            }
            let none = expected.allSatisfy { $0 == nil }
            #expect(found.first?.values == (none ? nil : expected), "seed \(seed): \(name)")
        }
    }

    @Test("times and windows at the ends of time are no trap")
    func endsOfTime() throws {
        let end = Timestamp(nanoseconds: .max)
        for text in ["count_over_time(kelvin[291y])", "kelvin offset 291y", "rate(kelvin[290y])"] {
            for instant in [end, Timestamp(nanoseconds: .min), Timestamp(seconds: 4)] {
                _ = try PromQLQuery(text).answer(at: instant, from: source())
            }
        }
    }
}

extension [Double] {
    fileprivate subscript(places: [Int]) -> [Double] { places.map { self[$0] } }
}

@testable import SiteConfig
import Telemetry
import Testing

@Suite("settings of one map")
struct SettingsReaderTests {
    private func reader(_ yaml: String, _ owner: String = "agent cryo-1") throws -> SettingsReader {
        var parser = SettingParser(file: "site.yaml", environment: [:])
        let parsed = parser.parse(yaml)
        let root = try #require(parsed)
        #expect(parser.problems.isEmpty)
        return SettingsReader(root, owner: owner, folder: "/site")
    }

    @Test("values of every type")
    func values() throws {
        var reader = try reader(
            """
            {text: 5, word: slow, count: 3, watts: 0.5, on: true, period: 250 ms, size: 10 MB,
             file: ./a//b, gauge: "10.0.0.4:7777", bare: "::1", list: [1, 2], names: [a, "2"],
             inner: {rate: 2}, parts: [{id: a}, {id: b}]}
            """
        )
        #expect(reader.string("text") == "5")
        #expect(reader.choice("word", of: ["fast", "slow"]) == "slow")
        #expect(reader.int("count", in: 1...9) == 3)
        #expect(reader.double("watts", in: 0...1) == 0.5)
        #expect(reader.bool("on") == true)
        #expect(reader.duration("period", in: .zero ... .seconds(1)) == .milliseconds(250))
        #expect(reader.byteCount("size", in: 0...(1 << 30)) == 10_000_000)
        #expect(reader.path("file") == "/site/a/b")
        #expect(reader.endpoint("gauge") == Endpoint(host: "10.0.0.4", port: 7777))
        #expect(reader.endpoint("bare", defaultPort: 5) == Endpoint(host: "::1", port: 5))
        #expect(reader.ints("list", in: 0...9) == [1, 2])
        #expect(reader.strings("names") == ["a", "2"])
        #expect(reader.section("inner") { $0.int("rate", in: 1...9) } == 2)
        #expect(reader.sections("parts") { $0.string("id") } == ["a", "b"])
        #expect(reader.finish() == [])
    }

    @Test("defaults of every type")
    func defaults() throws {
        var reader = try reader("{}")
        #expect(reader.string("a", default: "x") == "x")
        #expect(reader.choice("b", of: ["u", "v"], default: "v") == "v")
        #expect(reader.int("c", default: 7, in: 0...9) == 7)
        #expect(reader.path("d", default: "x") == "/site/x")
        #expect(reader.path("e", default: "/x") == "/x")
        #expect(reader.ints("f", default: [1], in: 0...1) == [1])
        #expect(reader.section("g") { _ in 1 } == nil)
        #expect(reader.sections("h") { _ in 1 } == [])
        #expect(!reader.has("a"))
        #expect(reader.finish() == [])
    }

    @Test("problems come in the order of the file, unknown keys among them, and once")
    func order() throws {
        var reader = try reader("{perod: 1 s, period: 2 ms, inner: {x: 1}, list: [0, 12, a]}")
        _ = reader.ints("list", in: 0...9)
        _ = reader.string("address")
        _ = reader.section("inner") { $0.bool("y", default: true) }
        _ = reader.duration(
            "period",
            in: .milliseconds(500)...(.seconds(9)),
            because: "since a pass takes 0.2 s"
        )
        let expected = [
            "site.yaml:1:1: error: `address` of agent cryo-1 is missing. Write `address: TEXT`",
            "site.yaml:1:2: error: agent cryo-1 has no setting `perod`; did you mean `period`?",
            "site.yaml:1:22: error: `period` of agent cryo-1 is `2 ms`; at least 500 ms is needed, "
                + "since a pass takes 0.2 s. Write `period: 500 ms` or more",
            "site.yaml:1:36: error: `inner` of agent cryo-1 has no setting `x`; there are y",
            "site.yaml:1:53: error: an element of `list` of agent cryo-1 is `12`; possible is from "
                + "0 to 9",
            "site.yaml:1:57: error: an element of `list` of agent cryo-1 is `a`; expected an "
                + "integer from 0 to 9",
        ]
        #expect(reader.finish().map(\.description) == expected)
        #expect(reader.finish().map(\.description) == expected)
    }

    @Test("a rejection names the key and its owner")
    func rejection() throws {
        var reader = try reader("period: 1 s")
        reader.reject("period", "`period` is too fine")
        #expect(
            reader.finish().map(\.description) == [
                "site.yaml:1:9: error: agent cryo-1: `period` is too fine"
            ]
        )
    }

    @Test("what is no map is told once, without its keys being missed")
    func noMap() throws {
        var reader = try reader("[a]")
        _ = reader.string("address")
        let problems = reader.finish()
        #expect(problems.count == 1)
    }

    @Test(
        "durations and sizes in their shortest exact writing",
        arguments: [
            ("250 ms", "250 ms"), ("3600s", "1 h"), ("5400 s", "90 min"), ("0.5 min", "30 s"),
            ("24 h", "1 d"), ("1500 us", "1500 us"), ("0 s", "0 ns"),
        ]
    )
    func durations(text: String, shown: String) {
        guard case .value(let duration) = Quantity.duration(text) else {
            Issue.record("\(text) is refused")
            return
        }
        #expect(Quantity.text(duration) == shown)
    }

    @Test(
        "no durations",
        arguments: [
            "", "s", "1", "1 year", "1e3 s", "--1 s", "1 s s", "nan s", "9e99 s", "1.2.3 s",
        ]
    )
    func noDurations(text: String) {
        if case .value(let duration) = Quantity.duration(text) { Issue.record("\(duration)") }
    }

    @Test(
        "the nearest word",
        arguments: [
            ("perod", "period"), ("preiod", "period"), ("Address", "address"),
            ("max_size", "max-size"), ("id", nil), ("zzz", nil), ("", nil),
        ]
    )
    func nearest(word: String, expected: String?) {
        let known = ["period", "address", "max-size"]
        #expect(Suggestion.nearest(to: word, among: known) == expected)
    }

    @Test("a node as a value")
    func value() throws {
        let setting = try reader("{a: 1, b: -0.5, c: true, d: \"1\", e: 2 s, f: ~, g: [no], h: {}}")
        var copy = setting
        #expect(copy.setting("a")?.value == 1)
        #expect(copy.setting("b")?.value == -0.5)
        #expect(copy.setting("c")?.value == true)
        #expect(copy.setting("d")?.value == "1")
        #expect(copy.setting("e")?.value == "2 s")
        #expect(copy.setting("f")?.value == .null)
        #expect(copy.setting("g")?.value == ["no"])
        #expect(copy.setting("h")?.value == .map([:]))
    }
}

import AgentRuntime
import SiteConfig
import Telemetry
import Testing

@testable import InstrumentAgents

/// Reads settings as a site file would give them: `key: text`, a list as `[1, 2]`.
private func read<Result>(
    _ entries: [String: String],
    _ body: (inout SettingsReader) -> Result
) -> (result: Result, problems: [String]) {
    let place = Place(file: "test.yaml", line: 1, column: 1)
    let map = entries.sorted { $0.key < $1.key }.map { key, text in
        (key: key, place: place, value: setting(text, place))
    }
    var reader = SettingsReader(
        Setting(.map(map), at: place),
        owner: "agent test",
        folder: "/site"
    )
    let result = body(&reader)
    return (result, reader.finish().map(\.message))
}

private func setting(_ text: String, _ place: Place) -> Setting {
    guard text.hasPrefix("[") else { return Setting(.scalar(text, quoted: false), at: place) }
    let elements = text.dropFirst().dropLast().split(separator: ",").map {
        Setting(.scalar(Text.trimmed($0), quoted: false), at: place)
    }
    return Setting(.list(elements), at: place)
}

@Suite("Settings of the instruments")
struct InstrumentSettingsTests {
    @Test("the classes have the names that site files use, each once")
    func classes() {
        #expect(
            Instruments.classes.map(\.name)
                == ["Lakeshore372", "IMacRT", "HostMetrics", "FakeData", "G3Writer"]
        )
    }

    @Test("an address is all that a bridge needs")
    func lakeshore() {
        let (bridge, problems) = read(["address": "10.10.10.4"]) {
            Lakeshore372Agent.Configuration(from: &$0)
        }
        #expect(problems.isEmpty, "\(problems)")
        #expect(bridge.address == Endpoint(host: "10.10.10.4", port: 7777))
        #expect(bridge.channels == Array(1...16))
        #expect(bridge.period == .seconds(1))
    }

    @Test("a period in which the scanner can be elsewhere and back is refused, with the reason")
    func lakeshorePeriod() {
        let (_, problems) = read(
            ["address": "10.10.10.4", "period": "5 s", "channels": "[1, 1]"]
        ) { Lakeshore372Agent.Configuration(from: &$0) }
        #expect(problems.count == 2)
        #expect(problems.contains { $0.contains("the scanner may move on within 2 s") })
        #expect(problems.contains { $0.contains("names a number twice") })
    }

    @Test("a module's port follows from its address")
    func iMacRT() {
        let (modules, problems) = read(["mmr3": "192.168.0.31", "mgc3": "localhost:12002"]) {
            IMacRTAgent.Configuration(from: &$0)
        }
        #expect(problems.isEmpty, "\(problems)")
        #expect(modules.mmr3 == Endpoint(host: "192.168.0.31", port: 12_031))
        #expect(modules.mgc3 == Endpoint(host: "127.0.0.1", port: 12_002))
        #expect(modules.localPort == 12_000)
        #expect(modules.period == .seconds(1))
    }

    @Test("modules need numeric addresses, a period that they can keep, and to be there")
    func iMacRTProblems() {
        let problems = [
            ["mmr3": "mmr3.local"], ["mmr3": "10.0.0.31", "period": "0.3 s"], [:],
        ].map { read($0) { IMacRTAgent.Configuration(from: &$0) }.problems.joined() }
        #expect(problems[0].contains("expected an IPv4 address"))
        #expect(problems[1].contains("since one pass over its channels takes 0.45 s"))
        #expect(problems[2].contains("name at least one of them"))
    }

    @Test("fake data need nothing; load is off unless it is asked for")
    func fakeData() {
        let (plain, problems) = read([:]) { FakeDataAgent.Configuration(from: &$0) }
        #expect(problems.isEmpty, "\(problems)")
        #expect(plain.channels == 2 && plain.rate == 9.5 && plain.rows == 1)
        #expect(plain.load == nil)
        #expect(FakeDataAgent(plain).feeds.map(\.name) == ["false_temperatures", "counter"])
    }
}

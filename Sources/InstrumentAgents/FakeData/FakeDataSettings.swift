internal import AgentRuntime
internal import SiteConfig
internal import Telemetry

extension FakeDataAgent {
    /// The class `FakeData` of the site file.
    static let agentClass = AgentClass(
        "FakeData",
        summary: "numbers of no meaning: trials, tests, load"
    ) { settings, _ in
        FakeDataAgent(Configuration(from: &settings))
    }
}

extension FakeDataAgent.Configuration {
    /// Reads `channels`, `rate`, `rows`, `seed` and the section `load`.
    init(from settings: inout SettingsReader) {
        self.init(
            channels: settings.int("channels", default: 2, in: 1...Feed.mostFields),
            rate: settings.double("rate", default: 9.5, in: 0.001...500_000),
            rows: settings.int("rows", default: 1, in: 1...Block.mostRows),
            seed: UInt64(settings.int("seed", default: 1, in: 0...Int.max)),
            load: settings.section("load") { section in
                FakeDataAgent.Load(
                    feeds: section.int("feeds", default: 1, in: 1...Limits.mostLoadFeeds),
                    fields: section.int("fields", default: 10, in: 1...Feed.mostFields),
                    rows: section.int("rows", default: 1, in: 1...Block.mostRows),
                    rate: section.double("rate", default: 1000, in: 0.001...500_000)
                )
            }
        )
    }
}

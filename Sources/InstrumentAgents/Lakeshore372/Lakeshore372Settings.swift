internal import AgentRuntime
internal import SiteConfig
internal import Telemetry

extension Lakeshore372Agent {
    /// The class `Lakeshore372` of the site file.
    static let agentClass = AgentClass(
        "Lakeshore372",
        summary: "Lake Shore 372 resistance bridge: thermometers and heaters"
    ) { settings, context in
        Lakeshore372Agent(Configuration(from: &settings), time: context.time)
    }
}

extension Lakeshore372Agent.Configuration {
    /// Reads `address`, `channels`, `period`, `timeout` and `settle`.
    init(from settings: inout SettingsReader) {
        self.init(
            address: settings.endpoint("address", defaultPort: 7777),
            channels: settings.distinctInts("channels", default: Array(1...16), in: 1...16),
            period: settings.duration(
                "period",
                default: .seconds(1),
                in: .milliseconds(100)...Duration.seconds(2),
                because: "since a pass takes up to 0.1 s, and the scanner may move on within 2 s"
            ),
            timeout: settings.duration(
                "timeout",
                default: .seconds(3),
                in: .milliseconds(100)...Duration.seconds(30)
            ),
            settle: settings.duration(
                "settle",
                default: .seconds(1),
                in: .zero...Duration.seconds(120)
            )
        )
    }
}

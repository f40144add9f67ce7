internal import AgentRuntime
internal import SiteConfig
internal import Telemetry

extension HostMetricsAgent {
    /// The class `HostMetrics` of the site file.
    static let agentClass = AgentClass(
        "HostMetrics",
        summary: "load, memory, disks, network and temperatures of the host"
    ) { settings, _ in
        let root = settings.path("root", default: "/")
        let period = settings.duration(
            "period",
            default: .seconds(5),
            in: .milliseconds(100)...Duration.seconds(3600)
        )
        return HostMetricsAgent(root: root, period: period)
    }
}

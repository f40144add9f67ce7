public import AgentRuntime

/// The agent classes of this target.
public enum Instruments {
    /// What a site file can name: `Lakeshore372`, `IMacRT`, `HostMetrics`, `FakeData`, `G3Writer`.
    public static let classes: [AgentClass] = [
        Lakeshore372Agent.agentClass, IMacRTAgent.agentClass, HostMetricsAgent.agentClass,
        FakeDataAgent.agentClass, G3WriterAgent.agentClass,
    ]
}

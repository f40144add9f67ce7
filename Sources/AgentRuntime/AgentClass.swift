public import SiteConfig
public import Telemetry

/// A kind of agent that a site file can name.
public struct AgentClass: Sendable {
    /// The name in the site file: `Lakeshore372`.
    public let name: String
    /// What it is, in one line.
    public let summary: String
    /// The sections of the site file that such an agent reads beside its own entry.
    public let sections: Set<Site.Section>
    /// Makes an agent from its settings without touching network or disk, since
    /// `cerro config check` calls it too; what is wrong goes into the settings' problems.
    public let make: @Sendable (inout SettingsReader, AgentContext) -> any Agent

    /// A kind of agent.
    public init(
        _ name: String,
        summary: String,
        reading sections: Set<Site.Section> = [],
        make: @escaping @Sendable (inout SettingsReader, AgentContext) -> any Agent
    ) {
        self.name = name
        self.summary = summary
        self.sections = sections
        self.make = make
    }
}

/// Where an agent stands: its site, its host and its entry.
public struct AgentContext: Sendable {
    /// The site that the agent belongs to.
    public let site: Site
    /// The host that it runs on.
    public let host: Host
    /// Its entry in the site file.
    public let entry: AgentEntry
    /// Where it takes its time from.
    public let time: any TimeSource

    /// A context.
    public init(site: Site, host: Host, entry: AgentEntry, time: any TimeSource) {
        self.site = site
        self.host = host
        self.entry = entry
        self.time = time
    }
}

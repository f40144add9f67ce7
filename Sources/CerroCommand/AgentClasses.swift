internal import AgentClient
internal import AgentRuntime
internal import Aggregator
internal import InstrumentAgents
internal import Logging
internal import MessageBus
internal import Reader
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// The agent classes that a site file can name.
enum AgentClasses {
    /// All of them.
    static let all: [AgentClass] =
        [
            AggregatorAgent.agentClass,
            ReaderAgent.agentClass { site in RegistryDirectory(site) },
        ] + Instruments.classes

    /// What is wrong with the entries of a site: unknown classes, and arguments that the classes
    /// refuse; nothing is connected or written.
    static func check(_ site: Site) -> [SiteProblem] {
        let unknown = site.check(classes: all.map(\.name))
        return unknown
            + site.hosts.flatMap { host in
                host.agents.flatMap { entry in check(entry, of: host, at: site) }
            }
    }

    private static func check(
        _ entry: AgentEntry,
        of host: SiteConfig.Host,
        at site: Site
    ) -> [SiteProblem] {
        guard let agentClass = all.first(where: { $0.name == entry.className }) else { return [] }
        let context = AgentContext(
            site: site,
            host: host,
            entry: entry,
            time: SystemTimeSource()
        )
        var settings = SettingsReader(
            entry.arguments,
            owner: "agent \(entry.id)",
            folder: site.folder
        )
        _ = agentClass.make(&settings, context)
        return settings.finish()
    }
}

/// The registry's table, asked for over one connection that opens with the first question.
private final class RegistryDirectory: SiteDirectory {
    private let site: Site
    private let client = Mutex<SiteClient?>(nil)

    init(_ site: Site) {
        self.site = site
    }

    func agents() async throws -> Value {
        .array(try await connected().instances().map(\.value))
    }

    private func connected() throws -> SiteClient {
        try client.withLock { client in
            if let client { return client }
            let opened = try SiteConnection.open(site).client
            client = opened
            return opened
        }
    }
}

internal import AgentClient
internal import AgentRuntime
internal import Aggregator
internal import InstrumentAgents
internal import Logging
internal import MessageBus
internal import Reader
internal import SiteConfig
internal import Telemetry

/// The agent classes that a site file can name, and the checks of their settings.
enum AgentClasses {
    /// All classes.
    static let all: [AgentClass] =
        [
            AggregatorAgent.agentClass,
            ReaderAgent.agentClass(live: { ConnectedSite($0, as: $1) }),
        ] + Instruments.classes

    /// What is wrong with the classes and settings of a site's instances.
    static func check(_ site: Site) -> [SiteProblem] {
        var problems = site.check(classes: all.map(\.name))
        for host in site.hosts {
            for entry in host.agents {
                guard let kind = all.first(where: { $0.name == entry.className }) else { continue }
                let (agent, _, found) = make(kind, entry, on: host, of: site)
                problems += found
                // With wrong settings the operations may be others than those that are meant.
                if found.isEmpty { problems += starts(of: entry, agent) }
            }
        }
        return problems
    }

    /// The checksum of what an instance reads in the site file; nil where the site has no such
    /// instance.
    static func hash(of instance: String, at site: Site) -> String? {
        let name = site.instance(instance)?.entry.className
        return site.hash(
            of: instance,
            reading: all.first { $0.name == name }?.sections ?? []
        )
    }

    /// Makes an instance from its settings, which may override the site's registry and spool.
    ///
    /// - Returns: the agent, the site as it is for this instance, and what is wrong.
    static func make(
        _ kind: AgentClass,
        _ entry: AgentEntry,
        on host: SiteConfig.Host,
        of site: Site,
        time: any TimeSource = SystemTimeSource()
    ) -> (agent: any Agent, site: Site, problems: [SiteProblem]) {
        var reader = SettingsReader(
            entry.arguments,
            owner: entry.owner,
            folder: site.folder
        )
        var own = site
        own.registry = .read(from: &reader, default: site.registry)
        own.spool = .read(from: &reader, default: site.spool)
        let context = AgentContext(site: own, host: host, entry: entry, time: time)
        let agent = kind.make(&reader, context)
        return (agent, own, reader.finish())
    }

    /// What is wrong with the operations that start with an instance.
    private static func starts(of entry: AgentEntry, _ agent: any Agent) -> [SiteProblem] {
        entry.start.compactMap { start in
            guard let operation = agent.operations.first(where: { $0.name == start.operation })
            else {
                let known = agent.operations.map(\.name).joined(separator: ", ")
                return SiteProblem(
                    start.place,
                    "\(entry.className) has no operation `\(start.operation)`; it has \(known)"
                )
            }
            do { try operation.check(start.parameters) } catch {
                return SiteProblem(start.place, "`\(start.operation)`: \(error)")
            }
            return nil
        }
    }
}

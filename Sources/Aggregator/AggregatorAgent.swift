public import AgentRuntime
internal import AgentClient
internal import Archive
internal import Log
internal import MessageBus
public import SiteConfig
internal import Synchronization
public import Telemetry

/// Writes every record of every instance to the archive, exactly once.
///
/// - Process `record`: pulls the logs of all instances that the registry's table shows, commits
///   them to the journal and has closed segments sealed. It may be stopped and started at any
///   time: the agents' logs keep what is not committed.
///
/// One instance that cannot be pulled is a fault and never ends it for the others.
public final class AggregatorAgent: Agent {
    private let settings: ArchiveSettings
    private let time: any TimeSource
    private let services = Mutex<AgentServices?>(nil)

    /// An aggregator of the archive that `settings` names.
    public init(settings: ArchiveSettings, time: any TimeSource) {
        self.settings = settings
        self.time = time
    }

    /// The class `Aggregator` of site files.
    public static let agentClass = AgentClass(
        "Aggregator",
        summary: "writes every sample of every instance to the archive",
        reading: [.archive]
    ) { settings, context in
        let archive = ArchiveSettings.read(from: &settings, default: context.site.archive)
        return AggregatorAgent(settings: archive, time: context.time)
    }

    /// The feed `recording`.
    public var feeds: [Feed] { [Self.recording] }

    /// The process `record`.
    public var operations: [AgentOperation] {
        [
            .process(
                "record",
                help: "pulls, commits and seals until it is stopped",
                needs: .engineer,
                record
            )
        ]
    }

    /// Keeps the way to the bus.
    public func begin(_ services: AgentServices) async throws {
        self.services.withLock { $0 = services }
    }

    func record(_ session: OperationSession) async throws {
        guard let services = services.withLock({ $0 }), let registry = services.registry else {
            throw AgentExit.cannotStart(instance: "aggregator", reason: "it is not on the bus")
        }
        let recording = try await begin(session, holder: services.instance)
        let client = SiteClient(
            bus: services.bus,
            registry: registry,
            site: services.site,
            time: time,
            logger: services.logger
        )
        let outcome: Result<Void, any Error>
        do {
            try await recording.run(client, on: services.bus.reactor)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        await client.close()
        await recording.close()
        try outcome.get()
    }

    /// Begins to record, as soon as the disk takes anything.
    func begin(_ session: OperationSession, holder: String) async throws -> Recording {
        while true {
            do {
                let recording = try Recording(
                    settings: settings,
                    holder: holder,
                    time: time,
                    session: session
                )
                JournalTrouble.clear(in: session)
                return recording
            } catch let error as ArchiveError {
                guard let trouble = JournalTrouble(error) else { throw error }
                trouble.raise(in: session)
                try await time.sleep(for: AggregatorLimits.roomPeriod)
            }
        }
    }
}

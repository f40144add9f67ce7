internal import AgentRuntime
internal import Logging
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// Runs the instances of one host, and is an agent itself: people anywhere at the site start and
/// stop instances through it, and see how they stand.
///
/// Its instances are processes that outlive it: the next manager takes them over.
///
/// - Process `supervise`: keeps instances running, follows the site file, and tells what changes.
/// - Tasks `start`, `stop`, `restart`: of one instance; what a person decides holds until somebody
///   decides otherwise, whatever is restarted meanwhile.
/// - Task `reload`: reads the site file at once.
/// - Query `instances`: how they stand; `instance_log`: what one printed.
/// - Feeds `instances`: their starts and ends; `clock`: how far this host's is off.
final class HostManager: Agent {
    /// What the class is called where people see it; no entry of a site file can name it.
    static let className = "HostManager"

    /// Each change of an instance: when it came and went, and why.
    static let instances = Feed(
        "instances",
        fields: [
            Field("instance", .string),
            Field("state", .string, description: "down, running, stopping, waiting, failed"),
            Field("process", .int, description: "its number; 0 for none"),
            Field("restarts", .int, description: "how often it ended by itself"),
            Field("reason", .string, description: "why it is not there, or was not"),
        ],
        description: "starts and ends of the instances of this host"
    )

    /// How far its clock is from the registry's.
    static let clock = Feed(
        "clock",
        fields: [
            Field("offset", unit: .second, description: "this host's clock less the registry's"),
            Field("round_trip", unit: .second, description: "the offset is good to half of it"),
        ],
        period: Limits.clockPeriod,
        description: "the clock of this host, against the registry's"
    )

    /// What stands for all instances of the host: no instance can be called so.
    static let allInstances = "*"
    /// The queries: how instances stand, and what one printed.
    static let instancesQuery = "instances", logQuery = "instance_log"

    let source: HostSource
    let crew: HostCrew
    let first: HostSource.Edition
    let state: Mutex<State>

    struct State {
        var plan: HostPlan
        var watch: FileWatch
        var isAsked = false
        var raised: Set<FaultKey> = []
        var services: AgentServices?
    }

    /// A manager of the host of `edition`, which `source` has read.
    init(
        _ source: HostSource,
        _ edition: HostSource.Edition,
        time: any TimeSource,
        logger: Logger
    ) {
        self.source = source
        first = edition
        state = Mutex(State(plan: edition.plan, watch: edition.watch))
        crew = HostCrew(
            HostCrew.Surroundings(
                stateFile: HostSource.stateFile(in: edition.folder),
                time: time,
                report: { $0.log(to: logger) }
            )
        )
    }

    /// What it tells over time.
    var feeds: [Feed] { [Self.instances, Self.clock] }

    /// What people ask of it.
    var operations: [AgentOperation] {
        let choices: @Sendable () -> [String] = {
            self.state.withLock { $0.plan.entries.map(\.id) } + [Self.allInstances]
        }
        return [
            .process(
                "supervise",
                help: "keeps the instances of this host running, and follows the site file",
                needs: .engineer,
                supervise
            ),
            .task("start", help: "starts an instance, which is kept running from now on") {
                (session, one: OneInstance) in
                try await self.each(one, session, where: { $0.manage == .keep }) {
                    try await self.crew.start($0)
                }
            }.choosing("instance", from: choices),
            .task("stop", help: "stops an instance, which stays stopped until it is started") {
                (session, one: OneInstance) in
                try await self.each(one, session, where: { _ in true }) {
                    try await self.crew.stop($0)
                }
            }.choosing("instance", from: choices),
            .task("restart", help: "stops an instance, and starts it") {
                (session, one: OneInstance) in
                try await self.each(one, session, where: { $0.phase != .down }) {
                    try await self.crew.restart($0)
                }
            }.choosing("instance", from: choices),
            .task("reload", help: "follows the site file at once", needs: .engineer) { session in
                let changes = try await self.reload(session)
                session.set("changes", changes.value)
                session.log("\(changes)")
            },
        ]
    }

    /// What programs ask of it.
    var queries: [AgentQuery] {
        [
            AgentQuery(Self.instancesQuery) { (_: Value) in
                let standings = await self.crew.standings
                return ["instances": .array(standings.map(\.value))]
            },
            AgentQuery(Self.logQuery) { try self.log($0) },
        ]
    }

    /// Takes over the instances that run, and starts the registry if it is here.
    func begin(_ services: AgentServices) async throws {
        do { try source.keep(first) } catch {
            throw CommandFailure(.failed, "the site file cannot be kept beside the spool: \(error)")
        }
        state.withLock { $0.services = services }
        await crew.begin(first.plan)
    }

    /// Has the site file followed at once; for SIGHUP.
    func askForReload() { state.withLock { $0.isAsked = true } }

    /// Does something with one instance, or with all that `which` leaves, one after another: one
    /// that fails does not keep the others from their turn.
    private func each(
        _ one: OneInstance,
        _ session: OperationSession,
        where which: (Standing) -> Bool,
        _ body: (String) async throws -> String
    ) async throws {
        guard one.instance == Self.allInstances else {
            return session.log(try await body(one.instance))
        }
        var failures: [String] = []
        // The registry last, so that the others can say good-bye, or find it while they begin.
        let standings = await crew.standings.filter(which)
        let isRegistry = { (standing: Standing) in standing.instance == Site.registryID }
        for standing in standings.filter({ !isRegistry($0) }) + standings.filter(isRegistry) {
            do { session.log(try await body(standing.instance)) } catch let error as CommandFailure
            {
                session.log("\(error)")
                failures.append(standing.instance)
            }
        }
        guard failures.isEmpty else {
            throw CommandFailure(.failed, "\(failures.joined(separator: ", ")) failed, see above")
        }
    }
}

/// Which instance is meant.
struct OneInstance: OperationParameters {
    /// The instance id.
    let instance: String

    init(from reader: inout ParameterReader) throws(ParameterError) {
        instance = try reader.string("instance", help: "an instance of this host, or * for all")
    }
}

/// What tells two faults of one agent apart.
struct FaultKey: Hashable {
    let id: String, subject: String
}

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
/// - Query `instances`: how they stand.
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

    let source: HostSource
    let crew: HostCrew
    private let first: HostSource.Edition
    private let state: Mutex<State>

    private struct State {
        var plan: HostPlan
        var watch: FileWatch
        var isAsked = false
        var raised: Set<FaultKey> = []
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
                logger: logger
            )
        )
    }

    /// What it tells over time.
    var feeds: [Feed] { [Self.instances] }

    /// What people ask of it.
    var operations: [AgentOperation] {
        let choices: @Sendable () -> [String] = {
            self.state.withLock { $0.plan.entries.map(\.id) }
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
                session.log(try await self.crew.start(one.instance))
            }.choosing("instance", from: choices),
            .task("stop", help: "stops an instance, which stays stopped until it is started") {
                (session, one: OneInstance) in
                session.log(try await self.crew.stop(one.instance))
            }.choosing("instance", from: choices),
            .task("restart", help: "stops an instance, and starts it") {
                (session, one: OneInstance) in
                session.log(try await self.crew.restart(one.instance))
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
            AgentQuery("instances") { (_: Value) in
                let standings = await self.crew.standings
                return ["instances": .array(standings.map(\.value))]
            }
        ]
    }

    /// Takes over the instances that run, and starts the registry if it is here.
    func begin(_ services: AgentServices) async throws {
        do { try source.keep(first) } catch {
            throw CommandFailure(.failed, "the site file cannot be kept beside the spool: \(error)")
        }
        await crew.begin(first.plan)
    }

    /// Has the site file followed at once; for SIGHUP.
    func askForReload() { state.withLock { $0.isAsked = true } }

    func supervise(_ session: OperationSession) async throws {
        await withTaskGroup { group in
            group.addTask { await self.crew.run() }
            group.addTask { await self.followFile(session) }
            group.addTask { await self.tell(session) }
        }
    }

    /// Reads the site file whenever it is another than before, or somebody asks for that.
    private func followFile(_ session: OperationSession) async {
        while true {
            do { try await session.time.sleep(for: SiteConfig.Limits.watchPeriod) } catch { return }
            let isDue = state.withLock { state in
                defer { state.isAsked = false }
                return state.watch.look() || state.isAsked
            }
            guard isDue else { continue }
            do {
                let changes = try await reload(session)
                session.log("followed \(source.path): \(changes)")
            } catch { session.log("\(error)") }
        }
    }

    /// Follows the site file as it is now; a fault says so while it cannot be followed.
    private func reload(_ session: OperationSession) async throws -> HostChanges {
        do throws(CommandFailure) {
            let edition = try source.read()
            guard edition.plan.hash == first.plan.hash else {
                throw CommandFailure(
                    .failed,
                    "host \(source.host) itself, the registry's address, `keys` or `spool` are "
                        + "others now, by which a manager begins anew: restart this one, its "
                        + "instances survive that"
                )
            }
            do { try source.keep(edition) } catch { throw CommandFailure(.failed, "\(error)") }
            state.withLock { $0.plan = edition.plan }
            session.clear("site.broken")
            return await crew.follow(edition.plan)
        } catch {
            session.raise(
                "site.broken",
                .error,
                "\(source.path) is not followed, what it said before holds on: \(error)",
                subject: ""
            )
            throw error
        }
    }

    /// Publishes what changes, and holds the faults that follow from how the instances stand.
    private func tell(_ session: OperationSession) async {
        var told: [String: Standing] = [:]
        for await _ in await crew.changes() {
            let standings = await crew.standings
            for standing in standings where told[standing.instance]?.isLike(standing) != true {
                told[standing.instance] = standing
                // A manager whose log takes nothing works on; its host raises the fault.
                try? await session.publish(Self.instances, standing.block(at: session.time.now))
            }
            hold(HostFaults.of(standings, stateProblem: await crew.stateProblem), session)
        }
    }

    private func hold(_ faults: [Fault], _ session: OperationSession) {
        let keys = Set(faults.map { FaultKey(id: $0.id, subject: $0.subject) })
        let over = state.withLock { state in
            defer { state.raised = keys }
            return state.raised.subtracting(keys)
        }
        for key in over { session.clear(key.id, subject: key.subject) }
        for fault in faults {
            session.raise(fault.id, fault.severity, fault.text, subject: fault.subject)
        }
    }
}

/// What tells two faults of one agent apart.
private struct FaultKey: Hashable {
    let id: String, subject: String
}

/// Which instance is meant.
struct OneInstance: OperationParameters {
    /// The instance id.
    let instance: String

    init(from reader: inout ParameterReader) throws(ParameterError) {
        instance = try reader.string("instance", help: "an instance of this host")
    }
}

/// The faults that follow from how instances stand.
enum HostFaults {
    static func of(_ standings: [Standing], stateProblem: String?) -> [Fault] {
        let now = Timestamp(nanoseconds: 0)
        var faults = standings.compactMap { standing -> Fault? in
            let name = standing.instance
            let (id, text): (String, String)
            if !standing.canStart {
                id = "instance.unstartable"
                text = "\(name) cannot be started: \(standing.reason)"
            } else if standing.phase == .failed {
                id = "instance.unstartable"
                text = "\(name) stays down, its settings are wrong: it \(standing.reason)"
            } else if standing.failures >= Limits.faultyEnds {
                id = "instance.dying"
                text =
                    "\(name) \(standing.reason). It ended \(standing.failures) times in a row: "
                    + "`cerro logs \(name)` shows more, `cerro host stop \(name)` ends the tries"
            } else {
                return nil
            }
            return Fault(id: id, severity: .error, since: now, text: text, subject: name)
        }
        if let stateProblem {
            faults.append(
                Fault(
                    id: "state.unwritable",
                    severity: .warning,
                    since: now,
                    text: "which instances run cannot be remembered, and the next manager would "
                        + "look for them by their arguments only: \(stateProblem)"
                )
            )
        }
        return faults
    }
}

extension Standing {
    /// Whether the other one tells the same.
    fileprivate func isLike(_ other: Standing) -> Bool {
        phase == other.phase && process == other.process && reason == other.reason
    }

    /// One row of the feed `instances`.
    fileprivate func block(at time: Timestamp) -> Block {
        Block(
            timestamps: [time],
            columns: [
                Column(.strings([instance])), Column(.strings([phase.rawValue])),
                Column(.ints([process])), Column(.ints([Int64(restarts)])),
                Column(.strings([reason])),
            ]
        )
    }
}

internal import Access
public import AgentRuntime
internal import MessageBus
internal import Synchronization
public import Telemetry

/// Knows who lives at the site: grants leases, hears heartbeats, tells the table.
///
/// The registry is the one address that everybody knows. It keeps nothing on disk: a restarted
/// one learns the site again from heartbeats within a lease, and while it is away nothing stops.
///
/// - Process `watch`: ends leases that were not renewed, announces the table's version each second
///   and raises `instance.missing` for instances of the site file that nobody holds.
/// - Queries `register`, `heartbeat`, `leave`, `table`.
public final class RegistryAgent: Agent {
    /// The instance id of every site's registry.
    public static let instance = "registry"

    private let site: String
    private let table: Mutex<SiteTable>
    private let services = Mutex<AgentServices?>(nil)
    /// The version of the table that was announced last.
    private let announced = Atomic<Int64>(0)
    private let time: any TimeSource

    /// A registry for a site.
    ///
    /// - Parameters:
    ///   - site: the site's name; empty, and nobody is of another one.
    ///   - expected: rows of the site file's instances.
    ///   - hasPredecessor: whether a registry of this site ran before, whose leases may last.
    ///   - time: where it takes its time from.
    public init(
        site: String = "",
        expected: [InstanceRow],
        hasPredecessor: Bool,
        time: any TimeSource
    ) {
        self.site = site
        self.time = time
        table = Mutex(
            SiteTable(
                expected: expected,
                lease: RuntimeLimits.lease,
                restartedAt: hasPredecessor ? time.monotonic : nil
            )
        )
    }

    /// Follows another version of the site file, of which `rows` are the instances.
    public func expect(_ rows: [InstanceRow]) {
        table.withLock { $0.expect(rows) }
        announce()
    }

    /// None: who lives now is told, not recorded; what happens to it is in every agent's `faults`.
    public var feeds: [Feed] { [] }

    /// The process `watch`.
    public var operations: [AgentOperation] {
        [
            .process(
                "watch",
                help: "ends leases that were not renewed and announces the table",
                needs: .engineer,
                watch
            )
        ]
    }

    /// What agents and clients ask.
    public var queries: [AgentQuery] {
        [
            AgentQuery(atOnce: Action.register, needs: .instance) { try self.register($0, $1) },
            AgentQuery(undecoded: Action.heartbeat, needs: .instance) {
                try self.heartbeat($0, $1)
            },
            AgentQuery(atOnce: Action.leave, needs: .instance) { try self.leave($0, $1) },
            AgentQuery(Action.table, needs: .member) { (arguments: Value) in
                try self.checkSite(arguments, "this asks")
                return self.tableValue()
            },
        ]
    }

    /// Keeps the way to announce changes.
    public func begin(_ services: AgentServices) async throws {
        self.services.withLock { $0 = services }
    }

    func watch(_ session: OperationSession) async throws {
        var missing: Set<String> = []
        // Whoever comes up together with the registry is not missing yet.
        let patience = time.monotonic + RuntimeLimits.registryPatience
        for await now in session.ticks(every: RuntimeLimits.heartbeatPeriod) {
            let monotonic = time.monotonic
            let absent = table.withLock { $0.expire(now: monotonic, wallClock: now) }
            for instance in absent
            where monotonic > patience && missing.insert(instance).inserted {
                session.raise(
                    "instance.missing",
                    .warning,
                    "\(instance) is in the site file and nobody holds it: `cerro host start "
                        + "\(instance)`, or `cerro up` on its host, starts it",
                    subject: instance
                )
            }
            for instance in missing.subtracting(absent) {
                missing.remove(instance)
                session.clear("instance.missing", subject: instance)
            }
            announce(always: true)
        }
    }

    /// Refuses whoever speaks for another instance than the one whose key it has.
    ///
    /// - Returns: the key, where there is one.
    private func checkIdentity(_ caller: Caller, is instance: String) throws -> String? {
        guard case .key(let key) = caller.proof else { return nil }
        guard caller.name == instance else {
            throw QueryFailure(
                .refused,
                "\(caller) may not speak for \(instance): in access.yaml the key of \(instance) "
                    + "is another"
            )
        }
        return key
    }

    /// Refuses who belongs to another site, and came to this port by its site file.
    private func checkSite(_ arguments: Value, _ who: String) throws {
        guard let other = arguments["site"]?.string, !other.isEmpty, !site.isEmpty, other != site
        else { return }
        throw QueryFailure(
            .siteOther,
            "this is the registry of site `\(site)`, and \(who) for site `\(other)`: give that "
                + "site a port of its own, `registry: {port: …}` in its site file"
        )
    }

    private func register(_ arguments: Value, _ caller: Caller) throws -> Value {
        guard var row = arguments["row"].flatMap(InstanceRow.init), row.epoch > 0,
            Name.isValid(row.instance)
        else { throw QueryFailure(.requestMalformed, "this registers no instance") }
        try checkSite(arguments, "\(row.instance) registers")
        row.key = try checkIdentity(caller, is: row.instance) ?? ""
        let now = time.now
        // Of an earlier version, which does not tell.
        row.since = now - .nanoseconds(max(0, arguments["uptime_ns"]?.int ?? 0))
        row.seen = now
        row.clockOffset = (arguments["clock"]?.timestamp ?? now) - now
        let isShown = arguments["shows_lease"]?.bool ?? false
        let predecessors = Set((arguments["predecessors"]?.array ?? []).compactMap(\.int))
        let monotonic = time.monotonic
        return try reply(
            table.withLock {
                $0.register(
                    row,
                    showsLease: isShown,
                    predecessors: predecessors,
                    now: monotonic
                )
            }
        )
    }

    private func heartbeat(_ arguments: [UInt8], _ caller: Caller) throws -> Value {
        guard let heartbeat = Heartbeat(arguments) else {
            throw QueryFailure(.requestMalformed, "this is no heartbeat")
        }
        _ = try checkIdentity(caller, is: heartbeat.instance)
        let (now, monotonic) = (time.now, time.monotonic)
        return try reply(
            table.withLock { $0.heartbeat(heartbeat, now: monotonic, wallClock: now) }
        )
    }

    private func leave(_ arguments: Value, _ caller: Caller) throws -> Value {
        guard let instance = arguments["instance"]?.string, let epoch = arguments["epoch"]?.int
        else { throw QueryFailure(.requestMalformed, "this is no good-bye") }
        _ = try checkIdentity(caller, is: instance)
        table.withLock { $0.leave(instance, epoch: epoch) }
        announce()
        return .null
    }

    private static let granted: Value = ["lease_ns": .int(RuntimeLimits.lease.nanoseconds)]

    private func reply(_ answer: SiteTable.Answer) throws -> Value {
        switch answer {
        case .granted:
            announce()
            return Self.granted
        case .held(let host, let pid, let since):
            throw QueryFailure(
                .leaseHeld,
                "process \(pid) on host \(host) holds it",
                result: [
                    "host": .string(host), "pid": .int(pid), "since": .timestamp(since),
                ]
            )
        case .wait(let duration):
            throw QueryFailure(
                .leaseWait,
                "the registry has just begun: ask again in \(duration.inSeconds) s"
            )
        case .unknown:
            throw QueryFailure(.leaseUnknown, "this registry has not granted that lease: register")
        }
    }

    private func tableValue() -> Value {
        // Heartbeats wait for the lock, not for what is made of the rows.
        let (version, rows) = table.withLock { ($0.version, $0.sorted) }
        return ["version": .int(version), "rows": .array(rows.map(\.value))]
    }

    /// Tells the version of the table to whoever listens: when it has changed, and each second.
    private func announce(always isTold: Bool = false) {
        let version = table.withLock(\.version)
        let before = announced.exchange(version, ordering: .relaxed)
        guard isTold || before != version else { return }
        services.withLock { $0 }?.announce(Action.tableTopic, ["version": .int(version)])
    }
}

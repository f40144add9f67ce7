public import Telemetry

/// Who lives at the site: the registry's state, without sockets or clocks.
///
/// States of an instance: missing → alive ⇄ silent → stopped or forgotten. Invariants:
/// - one epoch holds an instance's lease; it is renewed by its heartbeats and ends a lease after
///   the last one;
/// - while a lease lasts, every other epoch is refused and told the holder's host and pid, but for
///   those that succeed it in the same spool: a spool is locked, so the holder is gone;
/// - in the first lease after a restart only leases that are shown are granted: the holder of an
///   instance may be alive without having been heard yet;
/// - every change of the table raises its version by one.
public struct SiteTable: Sendable {
    /// What a registration or heartbeat gets.
    public enum Answer: Hashable, Sendable {
        /// The lease is granted or renewed.
        case granted
        /// Another epoch holds the lease.
        case held(host: String, pid: Int64, since: Timestamp)
        /// The registry has just begun: ask again after so long.
        case wait(Duration)
        /// A heartbeat of somebody who is not registered: register.
        case unknown
    }

    /// The longest time that an instance which the site file does not name stays in the table.
    public static let memory = Duration.seconds(86_400)
    /// Rows of the table; a registration beyond it is refused.
    public static let mostInstances = 10_000

    /// One higher with each change.
    public private(set) var version: Int64 = 1
    private var rows: [String: InstanceRow]
    private var heard: [String: Duration] = [:]
    private var named: Set<String> = []
    private var expected: Set<String> = []
    private let lease: Duration
    private let silentUntil: Duration

    /// The table of a site with those `expected` instances.
    ///
    /// - Parameters:
    ///   - expected: rows of the site file's instances, as ``expect(_:)`` takes them.
    ///   - lease: how long a lease lasts.
    ///   - restartedAt: monotonic time of the start, if an earlier registry of this site may have
    ///     granted leases; nil if there was none.
    public init(expected: [InstanceRow], lease: Duration, restartedAt: Duration?) {
        rows = [:]
        self.lease = lease
        silentUntil = restartedAt.map { $0 + lease } ?? .zero
        expect(expected)
    }

    /// Takes the site file's instances for those that it names from now on.
    ///
    /// Those whose row says `missing` are expected; others, which somebody starts when needed, are
    /// only known.
    public mutating func expect(_ all: [InstanceRow]) {
        named = Set(all.map(\.instance))
        expected = Set(all.filter { $0.state == .missing }.map(\.instance))
        rows = rows.filter { $0.value.epoch != 0 || named.contains($0.key) }
        for row in all where (rows[row.instance]?.epoch ?? 0) == 0 { rows[row.instance] = row }
        version += 1
    }

    /// All rows, by instance.
    public var sorted: [InstanceRow] { rows.values.sorted { $0.instance < $1.instance } }

    /// The row of an instance.
    public subscript(instance: String) -> InstanceRow? { rows[instance] }

    /// Somebody asks for the lease of `row.instance`.
    ///
    /// - Parameters:
    ///   - row: who asks.
    ///   - showsLease: whether it had the lease from an earlier registry.
    ///   - predecessors: the epochs before it in its spool, as far as that knows them.
    ///   - now: monotonic time.
    /// - Returns: whether the lease is granted, and if not, why.
    public mutating func register(
        _ row: InstanceRow,
        showsLease: Bool,
        predecessors: Set<Int64> = [],
        now: Duration
    ) -> Answer {
        if let holder = rows[row.instance], holder.state == .alive, holder.epoch != row.epoch,
            !predecessors.contains(holder.epoch)
        {
            return .held(host: holder.host, pid: holder.pid, since: holder.since)
        }
        guard showsLease || now >= silentUntil else { return .wait(silentUntil - now) }
        guard rows[row.instance] != nil || rows.count < Self.mostInstances else {
            return .wait(lease)
        }
        var granted = row
        granted.state = .alive
        rows[row.instance] = granted
        heard[row.instance] = now
        version += 1
        return .granted
    }

    /// A heartbeat: renews the lease of `epoch` and brings what changed.
    public mutating func heartbeat(
        _ instance: String,
        epoch: Int64,
        now: Duration,
        update: (inout InstanceRow) -> Void
    ) -> Answer {
        guard var row = rows[instance], row.epoch == epoch, row.state != .missing else {
            if let holder = rows[instance], holder.state == .alive {
                return .held(host: holder.host, pid: holder.pid, since: holder.since)
            }
            return .unknown
        }
        heard[instance] = now
        let before = row
        update(&row)
        row.state = .alive
        rows[instance] = row
        if row.state != before.state || row.faults != before.faults
            || row.operations != before.operations || row.control != before.control
        {
            version += 1
        }
        return .granted
    }

    /// Somebody says good-bye.
    public mutating func leave(_ instance: String, epoch: Int64) {
        guard var row = rows[instance], row.epoch == epoch else { return }
        row.state = .stopped
        row.operations = row.operations.mapValues { _ in "idle" }
        row.faults = []
        rows[instance] = row
        heard[instance] = nil
        version += 1
    }

    /// Ends leases that were not renewed and forgets who has been away for a day.
    ///
    /// - Returns: the expected instances that nobody holds, by name.
    public mutating func expire(now: Duration, wallClock: Timestamp) -> [String] {
        for (instance, row) in rows {
            switch row.state {
            case .alive:
                guard let last = heard[instance], now - last > lease else { continue }
                rows[instance]?.state = .silent
                version += 1
            case .silent, .stopped:
                guard !named.contains(instance), wallClock - row.seen > Self.memory else {
                    continue
                }
                rows[instance] = nil
                version += 1
            case .missing: continue
            }
        }
        return expected.filter { rows[$0]?.state != .alive }.sorted()
    }
}

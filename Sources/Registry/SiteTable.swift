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

    fileprivate struct Entry {
        var row: InstanceRow
        /// When the last heartbeat came, while the lease lasts or has just ended.
        var heard: Duration?
        /// What the last heartbeat said of what seldom changes; empty where the row says otherwise.
        var lasting: [UInt8] = []
    }

    /// The longest time that an instance which the site file does not name stays in the table.
    public static let memory = Duration.seconds(86_400)
    /// Rows of the table; a registration beyond it is refused.
    public static let mostInstances = 10_000

    /// One higher with each change.
    public private(set) var version: Int64 = 1
    private var rows: [String: Entry] = [:]
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
        rows = rows.filter { $0.value.row.epoch != 0 || named.contains($0.key) }
        for row in all where (rows[row.instance]?.row.epoch ?? 0) == 0 {
            rows[row.instance] = Entry(row: row)
        }
        version += 1
    }

    /// All rows, by instance.
    public var sorted: [InstanceRow] { rows.values.map(\.row).sorted { $0.instance < $1.instance } }

    /// The row of an instance.
    public subscript(instance: String) -> InstanceRow? { rows[instance]?.row }

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
        if let holder = rows[row.instance]?.row, holder.state == .alive, holder.epoch != row.epoch,
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
        rows[row.instance] = Entry(row: granted, heard: now)
        version += 1
        return .granted
    }

    /// A heartbeat renews the lease of its epoch and brings what changed; it came `now`.
    public mutating func heartbeat(
        _ heartbeat: Heartbeat,
        now: Duration,
        wallClock: Timestamp
    ) -> Answer {
        guard let place = rows.index(forKey: heartbeat.instance) else { return .unknown }
        let (answer, isNews) = rows.values[place].hear(heartbeat, now, wallClock)
        if isNews { version += 1 }
        return answer
    }

    /// Somebody says good-bye.
    public mutating func leave(_ instance: String, epoch: Int64) {
        guard var row = rows[instance]?.row, row.epoch == epoch else { return }
        row.state = .stopped
        row.operations = row.operations.mapValues { _ in "idle" }
        row.faults = []
        rows[instance] = Entry(row: row)
        version += 1
    }

    /// Ends leases that were not renewed and forgets who has been away for a day.
    ///
    /// - Returns: the expected instances that nobody holds, by name.
    public mutating func expire(now: Duration, wallClock: Timestamp) -> [String] {
        for (instance, entry) in rows {
            switch entry.row.state {
            case .alive:
                guard let last = entry.heard, now - last > lease else { continue }
                rows[instance]?.row.state = .silent
                version += 1
            case .silent, .stopped:
                guard !named.contains(instance), wallClock - entry.row.seen > Self.memory else {
                    continue
                }
                rows[instance] = nil
                version += 1
            case .missing: continue
            }
        }
        return expected.filter { rows[$0]?.row.state != .alive }.sorted()
    }
}

extension SiteTable.Entry {
    /// What a heartbeat gets, and whether it changes what the table shows.
    fileprivate mutating func hear(
        _ heartbeat: Heartbeat,
        _ now: Duration,
        _ wallClock: Timestamp
    ) -> (answer: SiteTable.Answer, isNews: Bool) {
        guard row.epoch == heartbeat.epoch, row.state != .missing else {
            guard row.state == .alive else { return (.unknown, false) }
            return (.held(host: row.host, pid: row.pid, since: row.since), false)
        }
        heard = now
        heartbeat.tell(&row, at: wallClock)
        guard row.state != .alive || lasting != heartbeat.lasting else { return (.granted, false) }
        let (state, operations) = (row.state, row.operations)
        let (faults, control) = (row.faults, row.control)
        row.state = .alive
        lasting = heartbeat.lasting
        heartbeat.tellLasting(&row)
        let isNews =
            state != .alive || row.operations != operations || row.faults != faults
            || row.control != control
        return (.granted, isNews)
    }
}

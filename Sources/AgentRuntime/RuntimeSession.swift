internal import Log
internal import Synchronization
internal import Telemetry

/// A session's requests, carried to the agent's log (publish) and to its host (everything else).
///
/// Publishing goes straight to the log from wherever the operation runs; what concerns the session
/// hops to the reactor, in the order of the calls; what is only seen on request, when it is awake.
final class RuntimeSession: SessionBacking {
    let operation: String
    let id: Int64
    let time: any TimeSource
    private let host: AgentHost
    private let log: AgentLog
    private let feeds: [String: PublishedFeed]
    private let limits: LimitWatch
    /// Why the host was last told that the operation is degraded, if it is; nil where never.
    private let told = Mutex<String??>(nil)

    init(
        host: AgentHost,
        log: AgentLog,
        feeds: [String: PublishedFeed],
        limits: LimitWatch,
        time: any TimeSource,
        operation: String,
        id: Int64
    ) {
        self.host = host
        self.log = log
        self.feeds = feeds
        self.limits = limits
        self.time = time
        self.operation = operation
        self.id = id
    }

    func publish(_ feed: Feed, _ blocks: [Block]) async throws {
        guard let published = feeds[feed.name] else { throw PublishError.unknownFeed(feed.name) }
        let declared = published.feed
        var checked: [Block] = []
        checked.reserveCapacity(blocks.count)
        for block in blocks {
            do { checked.append(try block.checked(for: declared)) } catch {
                throw PublishError.block(error)
            }
        }
        let begin = time.now
        do { try await log.append(declared, checked, atOnce: true) } catch {
            throw PublishError.log("\(error)")
        }
        guard let last = checked.last else { return }
        let now = time.now
        if let change = published.note(checked, from: begin, at: now) { tell(change) }
        for change in limits.look(at: last, of: declared, now: now) { tell(change) }
    }

    private func tell(_ change: FaultBook.Change) {
        switch change {
        case .raised(let fault): raise(fault)
        case .cleared(let fault, _): clear(fault.id, subject: fault.subject)
        }
    }

    func setDegraded(_ reason: String?) {
        told.withLock { told in
            // An operation says it with each reading, and mostly nothing has changed.
            if told == .some(reason) { return }
            told = .some(reason)
            host.onReactor { [operation, id] in $0.setDegraded(operation, id, reason) }
        }
    }

    func log(_ message: String) {
        let now = time.now
        host.whenAwake { [operation, id] in $0.logLine(operation, id, message, at: now) }
    }

    func setData(_ key: String, _ value: Value) {
        host.whenAwake { [operation, id] in $0.setData(operation, id, key, value) }
    }

    func raise(_ fault: Fault) {
        host.onReactor { $0.raise(fault) }
    }

    func clear(_ id: String, subject: String) {
        host.onReactor { $0.clear(id, subject: subject) }
    }
}

/// Notices fields that leave their declared limits, and that come back.
///
/// It looks at the newest row of each block: an alarm is about now, the archive about the rest.
final class LimitWatch: Sendable {
    private let outside = Mutex<Set<String>>([])
    private let watched: Set<String>

    init(_ feeds: [Feed]) {
        watched = Set(feeds.filter { $0.fields.contains { $0.limits != nil } }.map(\.name))
    }

    func look(at block: Block, of feed: Feed, now: Timestamp) -> [FaultBook.Change] {
        guard watched.contains(feed.name) else { return [] }
        var changes: [FaultBook.Change] = []
        for (field, column) in zip(feed.fields, block.columns) {
            guard let limits = field.limits, let value = column.lastNumber else { continue }
            let subject = "\(feed.name).\(field.name)"
            let isOutside = !limits.contains(value)
            let changed = outside.withLock { set in
                isOutside ? set.insert(subject).inserted : set.remove(subject) != nil
            }
            guard changed else { continue }
            let unit = field.unit.map { " " + $0.rawValue } ?? ""
            let fault = Fault(
                id: "field.limits",
                severity: .warning,
                since: now,
                text: "\(subject) is \(value)\(unit), outside of \(limits.lowerBound) to "
                    + "\(limits.upperBound)\(unit)",
                subject: subject
            )
            changes.append(isOutside ? .raised(fault) : .cleared(fault, at: now))
        }
        return changes
    }
}

extension Column {
    /// The value of the last row as a number; nil for texts and where it is missing.
    var lastNumber: Double? {
        guard count > 0, isPresent(count - 1) else { return nil }
        return switch values {
        case .doubles(let values): values.last
        case .ints(let values): values.last.map(Double.init)
        case .bools, .strings: nil
        }
    }
}

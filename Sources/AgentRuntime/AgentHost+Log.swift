internal import ArchiveFormat
internal import Log
internal import MessageBus
internal import Synchronization
internal import Telemetry

// What the log says: records for whoever watches live, and faults of the spool.

extension AgentHost {
    /// Takes an event of the log's thread; never blocks it.
    nonisolated func receive(_ event: LogEvent) {
        switch event {
        case .written(let records):
            onReactor { $0.publish(records) }
        default: onReactor { $0.noteSpool(event) }
        }
    }

    private func publish(_ records: WrittenRecords) {
        guard let publisherSocket else { return }
        let instance = settings.identity.instance
        // Mostly many records of one feed, to which nobody listens.
        var feed = ""
        var topic: String?
        records.forEach { name, payload in
            if name != feed {
                feed = name
                topic = "\(instance)/\(name)/"
                if !publisherSocket.hasSubscribers(to: topic ?? "") { topic = nil }
            }
            guard let topic else { return }
            publisherSocket.publish(topic: topic, payload: payload)
        }
    }

    private func noteSpool(_ event: LogEvent) {
        switch event {
        case .written: break
        case .spoolFilling(let fraction):
            guard fraction >= 0.5 else { return clear("spool.filling", subject: "") }
            raiseSpool(
                "spool.filling",
                fraction >= 0.9 ? .critical : .warning,
                "the spool is \(Int(fraction * 100)) % full: is the aggregator recording?"
            )
        case .dropped(let loss):
            raiseSpool(
                "spool.full",
                .critical,
                "\(loss.count) records from \(loss.from) to \(loss.to) are dropped: \(loss.cause)"
            )
        case .inMemory(let reason, _):
            raiseSpool(
                "spool.unwritable",
                .critical,
                "records are kept in memory, since the spool cannot be written: \(reason)"
            )
        case .recovered: clear("spool.unwritable", subject: "")
        case .lost(let count, let reason):
            raiseSpool("spool.lost", .critical, "\(count) records are lost: \(reason)")
        case .diverged(let archive, let epoch, let newEpoch):
            raiseSpool(
                "spool.rolled-back",
                .error,
                "archive \(archive) holds other records of epoch \(epoch) than this spool: the "
                    + "disk was rolled back. Epoch \(newEpoch) has begun"
            )
        }
    }

    private func raiseSpool(_ id: String, _ severity: Fault.Severity, _ text: String) {
        raise(Fault(id: id, severity: severity, since: time.now, text: text))
    }
}

/// Hands what the log says to the host, which does not exist yet when the log opens.
final class EventRelay: Sendable {
    private struct Target {
        weak var host: AgentHost?
        var audience: Audience?
    }

    private let target = Mutex(Target())

    func attach(_ host: AgentHost) {
        target.withLock { $0.host = host }
    }

    /// From now on records go out, whenever `audience` is there.
    func attach(_ audience: Audience) {
        target.withLock { $0.audience = audience }
    }

    /// Records that nobody listens to are not handed over: waking the reactor for a message costs
    /// more than all the rest of it.
    func receive(_ event: LogEvent) {
        let (host, audience) = target.withLock { ($0.host, $0.audience) }
        if case .written = event, audience?.isPresent != true { return }
        host?.receive(event)
    }
}

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
        case .spoolFilling(let fraction): noteFilling(fraction)
        case .dropped(let loss):
            droppedRecords += loss.count
            raiseSpool(
                "spool.full",
                .critical,
                "the spool is full: \(droppedRecords) records are dropped, the last of them from "
                    + "\(loss.from) to \(loss.to). Start the aggregator, give `spool: size` more, "
                    + "or end an archive that is gone with `cerro archive forget`"
            )
        case .inMemory(let reason, let unnoted): noteInMemory(reason, unnoted)
        case .recovered: clear("spool.unwritable", subject: "")
        case .lost(let count, let reason):
            raiseSpool(
                "spool.lost",
                .critical,
                "\(count) records that were in memory are lost, since the agent ended while the "
                    + "spool could not be written: \(reason)"
            )
        case .unreadable(let reason):
            raiseSpool(
                "spool.unreadable",
                .error,
                "a part of the spool cannot be read: \(reason). If that lasts for half a minute, "
                    + "what is in it counts as damaged: look at the disk"
            )
        case .readable: clear("spool.unreadable", subject: "")
        case .diverged(let archive, let epoch, let newEpoch):
            server?.follow(epoch: newEpoch)
            raiseSpool(
                "spool.rolled-back",
                .error,
                "archive \(archive) holds other records of epoch \(epoch) than this spool: an "
                    + "older state of the disk was restored. Epoch \(newEpoch) has begun; what was "
                    + "written to both since then is in that archive once, as it was fetched. "
                    + "Nothing is left to do"
            )
        }
    }

    private func noteFilling(_ fraction: Double) {
        guard fraction >= 0.5 else {
            clear("spool.filling", subject: "")
            clear("spool.full", subject: "")
            droppedRecords = 0
            return
        }
        raiseSpool(
            "spool.filling",
            fraction >= 0.9 ? .critical : .warning,
            "the spool is \(Int(fraction * 100)) % full, and drops its oldest records when it is "
                + "full: is the aggregator recording, and is there an archive that is gone "
                + "(`cerro why`, `cerro archive forget`)?"
        )
    }

    private func noteInMemory(_ reason: DiskError, _ unnoted: DiskError?) {
        let note =
            unnoted.map { error in
                ". How many there are cannot be noted either (\(error)): if the agent dies now, "
                    + "nothing will tell of them"
            } ?? ""
        raiseSpool(
            "spool.unwritable",
            .critical,
            "records are kept in memory, up to 64 MiB, since the spool cannot be written: \(reason)"
                + ". Make room or mend the disk before you restart the agent\(note)"
        )
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

internal import Telemetry

/// What the audit has still to say: commands that are under way, and refusals that it left out.
///
/// A value without a clock: instants are those of a monotonic clock. At most one session of an
/// operation is under way, and a session is told to end once, so the commands are few.
struct AuditBook: Sendable {
    /// A command of which the audit has the beginning.
    struct Command: Sendable {
        var entry: AuditEntry
        var begin: Duration
    }

    /// What the end of a command is the end of.
    enum Subject: Hashable, Comparable, Sendable {
        /// Somebody has control.
        case control
        /// A session, by its id.
        case session(Int64)
    }

    /// The commands that are under way.
    private var commands: [Subject: [Command]] = [:]
    /// The refusals since `periodBegin` that are in the audit, and those that are not.
    private var listed = 0, leftOut = 0
    private var periodBegin: Duration = .zero

    /// Notes a command that ends when its subject does.
    mutating func begin(_ entry: AuditEntry, with subject: Subject, at now: Duration) {
        commands[subject, default: []].append(Command(entry: entry, begin: now))
    }

    /// Whether the command is under way.
    func isUnderWay(_ request: String) -> Bool {
        commands.values.contains { $0.contains { $0.entry.request == request } }
    }

    /// The entries that the end of a subject completes; `failure` says why it failed.
    mutating func end(
        _ subject: Subject,
        failure: String?,
        at now: Duration
    ) -> [AuditEntry] {
        (commands.removeValue(forKey: subject) ?? []).map { command in
            // Whoever stops what fails has stopped it all the same.
            let hasFailed = failure != nil && command.entry.action == "start"
            return command.entry.ended(
                hasFailed ? .failed : .done,
                failure ?? "",
                after: now - command.begin
            )
        }
    }

    /// The entries of all that is under way, which nobody will see the end of.
    mutating func abandon(because reason: String, at now: Duration) -> [AuditEntry] {
        let all = commands.sorted { $0.key < $1.key }.flatMap(\.value)
        commands = [:]
        return all.map { $0.entry.ended(.failed, reason, after: now - $0.begin) }
    }

    /// Whether one more refusal goes into the audit; if not, it is counted.
    mutating func lists(refusalAt now: Duration) -> Bool {
        if listed == 0 { periodBegin = now }
        guard listed < RuntimeLimits.auditedRefusals else {
            leftOut += 1
            return false
        }
        listed += 1
        return true
    }

    /// The entry that says how many refusals were left out, when their period is over.
    mutating func summary(at now: Duration, isLast: Bool = false) -> AuditEntry? {
        guard listed > 0, isLast || now - periodBegin >= RuntimeLimits.auditPeriod else {
            return nil
        }
        let count = leftOut
        listed = 0
        leftOut = 0
        return count > 0 ? AuditEntry(leftOut: count) : nil
    }
}

extension AuditEntry {
    /// What came of the command that this entry began.
    func ended(_ outcome: Outcome, _ reason: String, after duration: Duration) -> AuditEntry {
        var entry = self
        entry.outcome = outcome
        entry.reason = String(reason.prefix(RuntimeLimits.messageLength))
        entry.seconds = duration.inSeconds
        return entry
    }
}

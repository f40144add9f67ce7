internal import SiteConfig
internal import Telemetry

// What people ask of the instances of a host; each call returns when it is done.

extension HostCrew {
    /// Starts an instance, and from now on keeps it running.
    ///
    /// - Returns: what became of it, for people.
    /// - Throws: `CommandFailure` where it does not run, or has ended soon after.
    func start(_ id: String) async throws -> String {
        try check(id)
        decide(id, true)
        if let child = members[id]?.child, members[id]?.life.phase == .running {
            return "\(id) runs already, process \(child.pid)"
        }
        want(id, true)
        return try await watchStart(of: id, instead: nil)
    }

    /// Stops an instance, and leaves it stopped.
    func stop(_ id: String) async throws -> String {
        try check(id)
        decide(id, false)
        let process = members[id]?.child?.pid
        want(id, false)
        for await _ in changes() {
            guard members[id]?.child != nil else {
                return process.map { "\(id) was stopped, process \($0)" } ?? "\(id) did not run"
            }
        }
        throw CancellationError()
    }

    /// Stops an instance where it runs, and starts it.
    func restart(_ id: String) async throws -> String {
        try check(id)
        decide(id, true)
        let before = members[id]?.child?.identity
        beginAnew(id)
        return try await watchStart(of: id, instead: before)
    }

    /// Waits for another process than `before`, and until it has not ended for a moment.
    private func watchStart(
        of id: String,
        instead before: ProcessIdentity?
    ) async throws -> String {
        var process = members[id]?.child?.identity
        // While the one before is stopping.
        for await _ in changes() {
            process = members[id]?.child?.identity
            if before == nil || process != before { break }
        }
        try Task.checkCancellation()
        guard let process else { throw failure(id, members[id]) }
        try await time.sleep(for: Limits.startWatch)
        guard members[id]?.child?.identity == process else { throw failure(id, members[id]) }
        return "\(id) runs, process \(process.pid)"
    }

    private func failure(_ id: String, _ member: Member?) -> CommandFailure {
        let reason = member.map(\.reason) ?? "the site file has it no more"
        return CommandFailure(.failed, "\(id) does not run: \(reason)")
    }

    private func check(_ id: String) throws(CommandFailure) {
        guard members[id]?.hasLeft == false else {
            throw CommandFailure(
                .usage,
                "there is no instance `\(id)` here; there are " + ids.joined(separator: ", ")
            )
        }
        guard isRunning else {
            throw CommandFailure(
                .refused,
                "this manager does not supervise: start its operation `supervise` first"
            )
        }
    }
}

/// One instance as it stands, for people and programs.
struct Standing: Hashable, Sendable {
    /// The instance id and its class.
    let instance: String, className: String
    /// What the site file says about it.
    let manage: Management
    /// What a person decided otherwise; nil for nothing.
    let decision: Bool?
    /// Where it stands.
    let phase: InstanceLife.Phase
    /// The number of its process; 0 for none.
    let process: Int64
    /// Since when it has or has not a process.
    let since: Timestamp
    /// How often it has ended by itself since the manager began, and how often in a row.
    let restarts: Int, failures: Int
    /// Whether it could be started, when that was last tried.
    let canStart: Bool
    /// Why it is not there, or was not, for people.
    let reason: String

    init(_ member: HostCrew.Member) {
        instance = member.entry.id
        className = member.entry.className
        manage = member.entry.manage
        decision = member.wanted
        phase = member.life.phase
        process = Int64(member.child?.pid ?? 0)
        since = member.since
        restarts = member.restarts
        failures = member.life.failures
        canStart = member.canStart
        reason = member.reason
    }

    /// The instance as a map.
    var value: Value {
        [
            "instance": .string(instance), "class": .string(className),
            "manage": .string(manage.rawValue), "decision": decision.map(Value.bool) ?? .null,
            "state": .string(phase.rawValue), "process": .int(process),
            "since": .timestamp(since), "restarts": .int(Int64(restarts)),
            "reason": .string(reason),
        ]
    }
}

/// What became of the instances when another plan was followed.
struct HostChanges: Hashable, Sendable, CustomStringConvertible {
    /// Those that are new, that begin anew by other settings, and that are stopped.
    var added: [String] = [], changed: [String] = [], removed: [String] = []
    /// How many did not change.
    var untouched = 0

    /// One line.
    var description: String {
        let parts = [("new", added), ("changed", changed), ("removed", removed)]
            .filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1.joined(separator: ", "))" }
        return (parts + ["unchanged: \(untouched)"]).joined(separator: "; ")
    }

    /// The changes as a map.
    var value: Value {
        [
            "added": .array(added.map(Value.string)),
            "changed": .array(changed.map(Value.string)),
            "removed": .array(removed.map(Value.string)), "unchanged": .int(Int64(untouched)),
        ]
    }
}

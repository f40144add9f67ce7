internal import Foundation
internal import Log
internal import Logging
internal import SiteConfig
internal import Telemetry

/// The instances of one host: starts them, starts again what ended, stops them when told to, and
/// leaves them running when it goes.
///
/// Each process and every decision of a person stands in the state file before anything else
/// happens. A manager that is killed between a start and the file finds the process by its
/// arguments.
actor HostCrew {
    /// One instance of the plan, or one that has left it and has not ended.
    struct Member {
        var entry: HostPlan.Entry
        var life = InstanceLife()
        var child: ChildProcess?
        /// The checksum of what the process has read in the site file.
        var hash = ""
        /// What a person decided otherwise than the site file.
        var wanted: Bool?
        /// Whether the plan has it no more, and only its process is left.
        var hasLeft = false
        var since = Timestamp(nanoseconds: 0)
        var restarts = 0
        /// Why it is not there, or was not, for people.
        var reason = ""
        var canStart = true
    }

    /// Where things are and come from.
    struct Surroundings: Sendable {
        /// The file of what is remembered.
        var stateFile: String
        /// Where pauses are taken from.
        var time: any TimeSource
        /// A number from 0 to 1 by chance, for the spread of pauses.
        var chance: @Sendable () -> Double = { Double.random(in: 0...1) }
        /// Where starts and ends are logged.
        var logger: Logger
    }

    private enum Event: Sendable {
        case ended(String, ProcessIdentity, ChildProcess.End)
        case due
    }

    private let surroundings: Surroundings
    private(set) var members: [String: Member] = [:]
    private var order: [String] = []
    /// Why the state file could not be written, nil while it can.
    private(set) var stateProblem: String?
    private var written = HostState()
    private var alarm = Alarm()
    /// Where the run that is under way hears what happens; nil while there is none.
    private var sink: AsyncStream<Event>.Continuation?
    private var watchers: [AsyncStream<Void>.Continuation] = []

    var time: any TimeSource { surroundings.time }
    /// Whether ``run()`` is under way, without which nothing that ends is seen.
    var isRunning: Bool { sink != nil }

    /// The instances of no plan yet.
    init(_ surroundings: Surroundings) {
        self.surroundings = surroundings
    }

    /// Takes over what an earlier manager has left running, and starts the registry if it is here:
    /// without it nobody, and not the manager either, gets a lease.
    ///
    /// Everything else is started by ``run()``, once the manager has its own.
    func begin(_ plan: HostPlan) {
        var state = HostState()
        do { state = try HostState(path: surroundings.stateFile) } catch {
            surroundings.logger.warning(
                "what the manager before remembered is lost",
                metadata: ["reason": "\(error)"]
            )
        }
        written = state
        let processes = ProcessIdentity.running()
        for entry in plan.entries {
            let before = state.instances[entry.id]
            var member = Member(entry: entry)
            member.wanted = before?.wanted
            if let process = before?.process {
                member.take(process, hash: before?.hash ?? "", at: time)
            }
            if member.child == nil, let process = processes[entry.program.arguments] {
                member.take(process, hash: entry.hash, at: time)
            }
            add(member)
        }
        for (id, before) in state.instances.sorted(by: { $0.key < $1.key })
        where members[id] == nil && !plan.ignored.contains(id) {
            guard let process = before.process else { continue }
            var member = Member(entry: HostPlan.Entry(left: id, of: plan), hasLeft: true)
            member.take(process, hash: before.hash, at: time)
            if member.child != nil { add(member) }
        }
        for (id, member) in members where member.child != nil { keepByHand(id) }
        if let registry = members[Site.registryID], registry.isMeant { want(Site.registryID, true) }
        save()
    }

    private func add(_ member: Member) {
        let id = member.entry.id
        order.append(id)
        members[id] = member
    }

    /// Has the run that is under way hear of the end of a process; another listens again.
    private func listen(to child: ChildProcess, of id: String) {
        child.whenEnded { [sink] end in sink?.yield(.ended(id, child.identity, end)) }
    }

    /// Keeps what is to run running until cancelled; the instances go on.
    func run() async {
        let (events, sink) = AsyncStream.makeStream(
            of: Event.self,
            bufferingPolicy: .bufferingOldest(Limits.hostEvents)
        )
        self.sink = sink
        defer { self.sink = nil }
        for (id, member) in members {
            guard let child = member.child else { continue }
            listen(to: child, of: id)
        }
        settle()
        for await event in events {
            switch event {
            case .ended(let id, let process, let end): ended(id, process, end)
            case .due:
                alarm.clear()
                let now = time.monotonic
                for id in order {
                    let step = members[id]?.life.due(at: now)
                    carryOut(step, id)
                }
            }
            setAlarm()
            tell()
        }
    }

    /// Brings every instance to where it is meant to be: what the plan wants is started, what runs
    /// by other settings begins anew, what has left the plan is stopped.
    func settle() {
        for id in order {
            guard let member = members[id] else { continue }
            let isStray = !member.isMeant && member.life.phase == .running
            if member.isMeant != member.life.isWanted || isStray { want(id, member.isMeant) }
            if member.child != nil, member.isMeant, member.hash != member.entry.hash {
                let step = members[id]?.life.restart()
                carryOut(step, id)
            }
        }
    }

    /// Has an instance run, or not.
    func want(_ id: String, _ isWanted: Bool) {
        let step = members[id]?.life.want(isWanted)
        carryOut(step, id)
    }

    /// Has an instance begin anew.
    func beginAnew(_ id: String) {
        let step = members[id]?.life.restart()
        carryOut(step, id)
    }

    private func carryOut(_ step: InstanceLife.Step?, _ id: String) {
        switch step {
        case .start: start(id)
        case .stop: members[id]?.child?.stop()
        case nil: break
        }
        setAlarm()
        tell()
    }

    private func start(_ id: String) {
        guard let entry = members[id]?.entry else { return }
        let now = time.monotonic
        do {
            try LogFolder.create(forFile: entry.program.log)
            let child = try ChildProcess(entry.program, lifeline: nil)
            members[id]?.child = child
            members[id]?.hash = entry.hash
            members[id]?.since = time.now
            members[id]?.canStart = true
            members[id]?.life.started(at: now)
            save()
            surroundings.logger.notice(
                "an instance is started",
                metadata: ["instance": "\(id)", "process": "\(child.pid)"]
            )
            listen(to: child, of: id)
        } catch {
            members[id]?.reason = "\(error)"
            members[id]?.canStart = false
            members[id]?.life.notStarted(at: now, chance: surroundings.chance())
            surroundings.logger.error(
                "an instance cannot be started",
                metadata: ["instance": "\(id)", "reason": "\(error)"]
            )
        }
    }

    private func ended(_ id: String, _ process: ProcessIdentity, _ end: ChildProcess.End) {
        guard let member = members[id], let child = member.child, child.identity == process else {
            return
        }
        members[id]?.child = nil
        members[id]?.since = time.now
        let wasTold = member.life.phase == .stopping
        let lines = wasTold ? [] : child.lastLines(Limits.faultLines)
        let reason = "\(end)" + (lines.isEmpty ? "" : ": " + lines.joined(separator: " / "))
        members[id]?.reason = wasTold ? "was stopped" : reason
        surroundings.logger.log(
            level: wasTold ? .notice : .warning,
            "an instance has ended",
            metadata: ["instance": "\(id)", "process": "\(process.pid)", "reason": "\(reason)"]
        )
        let step = members[id]?.life.ended(
            end,
            at: time.monotonic,
            chance: surroundings.chance()
        )
        if !wasTold { members[id]?.restarts += 1 }
        if member.hasLeft, step == nil {
            members[id] = nil
            order.removeAll { $0 == id }
        }
        save()
        carryOut(step, id)
    }

    /// Follows another plan: what did not change is not touched.
    ///
    /// - Returns: what changed, by instance.
    func follow(_ plan: HostPlan) -> HostChanges {
        var changes = HostChanges()
        let ids = Set(plan.entries.map(\.id))
        for entry in plan.entries {
            guard let before = members[entry.id], !before.hasLeft else {
                // One that left and comes back before it has ended begins anew when it has.
                if members[entry.id] == nil { add(Member(entry: entry)) }
                members[entry.id]?.entry = entry
                members[entry.id]?.hasLeft = false
                changes.added.append(entry.id)
                continue
            }
            members[entry.id]?.entry = entry
            if entry.manage == .manual, before.entry.manage == .keep { keepByHand(entry.id) }
            guard before.entry.hash != entry.hash else {
                changes.untouched += 1
                continue
            }
            changes.changed.append(entry.id)
            // What failed by the settings before is tried at once.
            if before.child == nil, before.life.isWanted { want(entry.id, true) }
        }
        for id in order where !ids.contains(id) && members[id]?.hasLeft == false {
            changes.removed.append(id)
            let isGone = members[id]?.child == nil || plan.ignored.contains(id)
            if isGone { members[id] = nil } else { members[id]?.hasLeft = true }
        }
        order = plan.entries.map(\.id) + order.filter { !ids.contains($0) && members[$0] != nil }
        settle()
        save()
        return changes
    }

    /// What runs is not stopped because the site file leaves it to people from now on.
    private func keepByHand(_ id: String) {
        guard let member = members[id], member.child != nil, member.entry.manage == .manual,
            !member.hasLeft, member.wanted == nil
        else { return }
        members[id]?.wanted = true
    }

    /// What a person decides about an instance holds until somebody decides otherwise.
    func decide(_ id: String, _ isWanted: Bool) {
        guard let member = members[id] else { return }
        members[id]?.wanted = isWanted == (member.entry.manage == .keep) ? nil : isWanted
        save()
    }

    /// The instances of the plan, in its order.
    var ids: [String] { order.filter { members[$0]?.hasLeft == false } }

    /// All instances as they stand.
    var standings: [Standing] { order.compactMap { id in members[id].map(Standing.init) } }

    /// A value whenever something may have changed, and one at once.
    func changes() -> AsyncStream<Void> {
        let (stream, watcher) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        watcher.yield()
        watchers.append(watcher)
        return stream
    }

    private func tell() {
        watchers.removeAll { watcher in
            if case .terminated = watcher.yield() { return true }
            return false
        }
    }

    private func setAlarm() {
        guard let next = members.values.compactMap(\.life.deadline).min() else { return }
        alarm.set(at: next, of: time) { [sink] in sink?.yield(.due) }
    }

    /// Writes what is to be remembered, where it is another than before.
    private func save() {
        var state = HostState()
        for (id, member) in members {
            let process = member.child?.identity
            guard process != nil || member.wanted != nil else { continue }
            state.instances[id] = HostState.Instance(
                process: process,
                hash: process == nil ? "" : member.hash,
                wanted: member.wanted
            )
        }
        guard state != written || stateProblem != nil else { return }
        do {
            try state.write(surroundings.stateFile)
            written = state
            stateProblem = nil
        } catch {
            stateProblem = "\(error)"
            surroundings.logger.error(
                "what runs cannot be remembered",
                metadata: ["reason": "\(error)"]
            )
        }
    }
}

extension HostCrew.Member {
    /// Whether it is to run: as a person decided, else as the site file says.
    var isMeant: Bool { !hasLeft && (wanted ?? (entry.manage == .keep)) }

    /// Takes over a process if it has not ended.
    mutating func take(_ process: ProcessIdentity, hash: String, at time: any TimeSource) {
        guard let child = ChildProcess(running: process, log: entry.program.log) else { return }
        self.child = child
        self.hash = hash
        since = time.now
        life.started(at: time.monotonic)
    }
}

internal import Foundation
internal import Log
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

        /// Adds a line to the log of the instance, among those that its program writes.
        func note(_ text: String, at now: Timestamp) {
            LogFile(path: entry.program.log).note(text, at: now)
        }
    }

    /// Where things are and come from.
    struct Surroundings: Sendable {
        /// The file of what is remembered; nil where nothing outlives this process.
        var stateFile: String?
        /// What becomes the standard input of instances, which end when it closes; nil for those
        /// that outlive this process.
        var lifeline: FileHandle?
        /// Where pauses are taken from.
        var time: any TimeSource
        /// A number from 0 to 1 by chance, for the spread of pauses.
        var chance: @Sendable () -> Double = { Double.random(in: 0...1) }
        /// Is told what happens.
        var report: @Sendable (HostEvent) -> Void
    }

    private enum Event: Sendable {
        case ended(String, ProcessIdentity, ChildProcess.End)
        case due
    }

    let surroundings: Surroundings
    var members: [String: Member] = [:]
    var order: [String] = []
    /// Why the state file could not be written, nil while it can.
    private(set) var stateProblem: String?
    /// What the state file says.
    var written = HostState()
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

    func add(_ member: Member) {
        let id = member.entry.id
        order.append(id)
        members[id] = member
    }

    /// Has the run that is under way hear of the end of a process; another listens again.
    private func listen(to child: ChildProcess, of id: String) {
        child.whenEnded { [sink] end in sink?.yield(.ended(id, child.identity, end)) }
    }

    /// Keeps what is to run running until cancelled, or until nothing is left that could; the
    /// instances go on.
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
        // The alarm of what was started before this would ring for nobody, and no later one be set.
        alarm.clear()
        setAlarm()
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
            if surroundings.lifeline != nil, isIdle { return }
        }
    }

    /// Whether nothing runs, and nothing will by itself.
    private var isIdle: Bool {
        members.values.allSatisfy { [.down, .failed].contains($0.life.phase) }
    }

    /// Stops all instances, the registry last so that the others can say good-bye, once ``run()``
    /// is over.
    ///
    /// - Returns: whether all ended as they were told to, without being killed.
    func endAll() async -> Bool {
        var isClean = true
        for isRegistry in [false, true] {
            let children = members.filter { ($0.key == Site.registryID) == isRegistry }
                .compactMapValues(\.child)
            for child in children.values { child.stop() }
            for (id, child) in children.sorted(by: { $0.key < $1.key }) {
                let end = await child.end()
                surroundings.report(
                    .ended(id, process: child.pid, reason: "\(end)", wasTold: true)
                )
                members[id]?.child = nil
                members[id]?.note("\(id) \(end)", at: time.now)
                isClean = isClean && end != .signal(SIGKILL)
            }
        }
        return isClean
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
            members[id]?.note("\(id) is started", at: time.now)
            let child = try ChildProcess(entry.program, lifeline: surroundings.lifeline)
            members[id]?.child = child
            members[id]?.hash = entry.hash
            members[id]?.since = time.now
            members[id]?.canStart = true
            members[id]?.life.started(at: now)
            save()
            surroundings.report(.started(id, process: child.pid))
            listen(to: child, of: id)
        } catch {
            members[id]?.reason = "\(error)"
            members[id]?.canStart = false
            members[id]?.life.notStarted(at: now, chance: surroundings.chance())
            surroundings.report(.notStarted(id, reason: "\(error)"))
            tellPause(id)
        }
    }

    /// Says what follows by itself when an instance has not started, or has ended.
    private func tellPause(_ id: String) {
        guard let life = members[id]?.life else { return }
        switch life.phase {
        case .waiting: tell(.pausing(id, life.pause), of: id)
        case .failed: tell(.givenUp(id), of: id)
        case .down, .running, .stopping: break
        }
    }

    /// Reports an event, also in the log of the instance.
    private func tell(_ event: HostEvent, of id: String) {
        surroundings.report(event)
        members[id]?.note(event.sentence, at: time.now)
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
        members[id]?.note("\(id) \(end)", at: time.now)
        surroundings.report(
            .ended(id, process: process.pid, reason: reason, wasTold: wasTold)
        )
        let step = members[id]?.life.ended(
            end,
            at: time.monotonic,
            chance: surroundings.chance()
        )
        if !wasTold {
            members[id]?.restarts += 1
            tellPause(id)
        }
        if member.hasLeft, step == nil {
            members[id] = nil
            order.removeAll { $0 == id }
        }
        save()
        carryOut(step, id)
    }

    /// What runs is not stopped because the site file leaves it to people from now on.
    func keepByHand(_ id: String) {
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

    /// Has those look who follow ``changes()``.
    func tell() {
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
    func save() {
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
        guard let file = surroundings.stateFile, state != written || stateProblem != nil else {
            return
        }
        do {
            try state.write(file)
            written = state
            stateProblem = nil
        } catch {
            if stateProblem == nil { surroundings.report(.unremembered(reason: "\(error)")) }
            stateProblem = "\(error)"
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
        since = time.now - process.age
        life.started(at: time.monotonic)
    }
}

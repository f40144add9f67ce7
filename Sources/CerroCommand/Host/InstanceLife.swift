internal import Telemetry

/// What becomes of one instance under the manager of its host, as rules: what happens goes in, the
/// next step comes out; processes and clocks are elsewhere.
///
/// ```
///           wanted              started            ended by itself
///   down ──────────► (start) ───────────► running ─────────────────► waiting ──► (start)
///    ▲                  │ not wanted, or      │                         │
///    └── ended ── stopping ◄── restarted ─────┤                         │ not wanted
///                                             └─ wrong settings ─► failed ──► down
/// ```
///
/// Invariants: a start comes out of `down`, `waiting`, `failed`, or of the end of the process
/// before, so there are never two; an instance that nobody wants is not started.
struct InstanceLife: Sendable {
    /// Where it stands.
    enum Phase: String, Sendable {
        /// There is no process, and nobody wants one.
        case down
        /// There is a process.
        case running
        /// The process was told to end.
        case stopping
        /// It ended by itself or could not be started, and is started again after a pause.
        case waiting
        /// Its settings are wrong: it stays down until they change or somebody starts it.
        case failed
    }

    /// What is to be done now.
    enum Step: Sendable {
        case start
        case stop
    }

    /// Where it stands.
    private(set) var phase = Phase.down
    /// Whether it is to run.
    private(set) var isWanted = false
    /// How often in a row it ended by itself or could not be started.
    private(set) var failures = 0
    /// When ``due(at:)`` has something to say, on the monotonic clock.
    private(set) var deadline: Duration?
    /// How long it waits, or waited last, before it is started again.
    private(set) var pause = Duration.zero
    private var backoff = Backoff()
    private var begun = Duration.zero

    /// Somebody wants it to run, or not to; that somebody asks ends a pause.
    mutating func want(_ isWanted: Bool) -> Step? {
        self.isWanted = isWanted
        switch phase {
        case .down, .waiting, .failed:
            forget()
            phase = .down
            return isWanted ? .start : nil
        case .running where !isWanted:
            deadline = nil
            phase = .stopping
            return .stop
        case .running, .stopping: return nil
        }
    }

    /// Somebody wants it to begin anew.
    mutating func restart() -> Step? {
        guard phase == .running else { return want(true) }
        isWanted = true
        deadline = nil
        phase = .stopping
        return .stop
    }

    /// There is a process now: a new one, or one that was taken over.
    mutating func started(at now: Duration) {
        phase = .running
        begun = now
        deadline = now + Limits.steadyRun
    }

    /// It was to be started and could not be.
    mutating func notStarted(at now: Duration, chance: Double) {
        wait(after: .zero, at: now, chance)
    }

    /// The process has ended.
    mutating func ended(
        _ end: ChildProcess.End,
        at now: Duration,
        chance: Double
    ) -> Step? {
        let wasTold = phase == .stopping
        guard isWanted, !wasTold else {
            forget()
            phase = .down
            return isWanted ? .start : nil
        }
        guard end != .code(ExitStatus.usage.rawValue) else {
            failures += 1
            deadline = nil
            phase = .failed
            return nil
        }
        wait(after: now - begun, at: now, chance)
        return nil
    }

    /// Time has passed.
    mutating func due(at now: Duration) -> Step? {
        guard let deadline, deadline <= now else { return nil }
        self.deadline = nil
        switch phase {
        case .waiting: return .start
        case .running: failures = 0
        case .down, .stopping, .failed: break
        }
        return nil
    }

    private mutating func wait(after run: Duration, at now: Duration, _ chance: Double) {
        failures = run >= Limits.steadyRun ? 1 : failures + 1
        phase = .waiting
        pause = backoff.pause(after: run, chance: chance)
        deadline = now + pause
    }

    private mutating func forget() {
        failures = 0
        backoff = Backoff()
        deadline = nil
    }
}

internal import Synchronization
public import Telemetry

/// Clocks that stand still until a test moves them.
public final class ManualTimeSource: TimeSource {
    private struct Sleeper {
        let deadline: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        let count: Int
        let deadline: Duration?
        let continuation: CheckedContinuation<Void, Never>

        func isMeant(_ sleepers: [Int: Sleeper]) -> Bool {
            let due = sleepers.values.count { sleeper in
                deadline.map { sleeper.deadline <= $0 } ?? true
            }
            return due >= count
        }
    }

    private struct State {
        var monotonic = Duration.zero
        var steps = Duration.zero
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        var watchers: [Watcher] = []
    }

    /// What the wall clock showed in the beginning.
    public let start: Timestamp
    private let step: Duration
    private let state = Mutex(State())

    /// Clocks that show `start` and zero; each look at the wall clock moves it by `step`.
    public init(_ start: Timestamp = Timestamp(seconds: 1_800_000_000), step: Duration = .zero) {
        self.start = start
        self.step = step
    }

    /// Time since the clocks were made, as far as a test has moved them.
    public var monotonic: Duration { state.withLock(\.monotonic) }

    /// The wall clock; setting it moves both clocks, and nobody may set it back.
    public var now: Timestamp {
        get {
            start
                + state.withLock { state in
                    state.steps += step
                    return state.monotonic + state.steps
                }
        }
        set { jump(by: newValue - now) }
    }

    /// The instant that the wall clock shows `seconds` after its start.
    public func instant(_ seconds: Double) -> Timestamp {
        start + .milliseconds(Int64((seconds * 1000).rounded()))
    }

    /// Sleeps until a test has moved the clock so far.
    public func sleep(untilMonotonic deadline: Duration) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                fall(asleep: id, Sleeper(deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Waits until somebody sleeps who would be woken, then moves both clocks by `duration`.
    ///
    /// Where several have to be woken, `sleepers` is how many: who comes after the jump would sleep
    /// longer.
    public func advance(by duration: Duration, past sleepers: Int = 1) async {
        await somebodySleeps(until: monotonic + duration, atLeast: sleepers)
        jump(by: duration)
    }

    /// Moves both clocks by `duration` at once, whoever sleeps.
    public func jump(by duration: Duration) {
        let due = state.withLock { state in
            state.monotonic += duration
            let now = state.monotonic
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Waits until so many sleep, whoever they are; until `deadline` at most, where one is given.
    public func somebodySleeps(until deadline: Duration? = nil, atLeast count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let watcher = Watcher(count: count, deadline: deadline, continuation: continuation)
            let isThere = state.withLock { state in
                if watcher.isMeant(state.sleepers) { return true }
                state.watchers.append(watcher)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private func fall(asleep id: Int, _ sleeper: Sleeper) {
        var outcome: Result<Void, any Error>?
        let watchers = state.withLock { state -> [Watcher] in
            if state.cancelled.remove(id) != nil {
                outcome = .failure(CancellationError())
                return []
            }
            if sleeper.deadline <= state.monotonic {
                outcome = .success(())
                return []
            }
            state.sleepers[id] = sleeper
            let sleepers = state.sleepers
            let told = state.watchers.filter { $0.isMeant(sleepers) }
            state.watchers.removeAll { $0.isMeant(sleepers) }
            return told
        }
        if let outcome { sleeper.continuation.resume(with: outcome) }
        for watcher in watchers { watcher.continuation.resume() }
    }
}

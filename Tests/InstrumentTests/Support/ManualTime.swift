import Synchronization
import Telemetry

/// A clock that stands until a test moves it.
final class ManualTime: TimeSource {
    private struct Sleeper {
        let deadline: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var monotonic = Duration.zero
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        var waiting: [(deadline: Duration, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let start = Timestamp(seconds: 1_000_000_000)

    var monotonic: Duration { state.withLock(\.monotonic) }
    var now: Timestamp { start + monotonic }

    /// The instant that the clock shows `seconds` after its start.
    func instant(_ seconds: Double) -> Timestamp {
        start + .milliseconds(Int64((seconds * 1000).rounded()))
    }

    func sleep(untilMonotonic deadline: Duration) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                fall(asleep: id, until: deadline, continuation)
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    private func fall(
        asleep id: Int,
        until deadline: Duration,
        _ continuation: CheckedContinuation<Void, any Error>
    ) {
        var outcome: Result<Void, any Error>?
        let watchers = state.withLock { state in
            if state.cancelled.remove(id) != nil {
                outcome = .failure(CancellationError())
                return [CheckedContinuation<Void, Never>]()
            }
            if deadline <= state.monotonic {
                outcome = .success(())
                return []
            }
            state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
            let due = state.waiting.filter { $0.deadline >= deadline }
            state.waiting.removeAll { $0.deadline >= deadline }
            return due.map(\.continuation)
        }
        if let outcome { continuation.resume(with: outcome) }
        for watcher in watchers { watcher.resume() }
    }

    /// Waits until somebody sleeps who would be woken, then moves the clock by `duration`.
    func advance(by duration: Duration) async {
        await someoneSleeps(until: monotonic + duration)
        jump(by: duration)
    }

    /// Moves the clock by `duration`, whoever sleeps.
    func jump(by duration: Duration) {
        let due = state.withLock { state in
            state.monotonic += duration
            let now = state.monotonic
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    private func someoneSleeps(until deadline: Duration) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.values.contains(where: { $0.deadline <= deadline }) {
                    return true
                }
                state.waiting.append((deadline, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

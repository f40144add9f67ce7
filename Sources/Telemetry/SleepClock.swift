internal import CKernel
internal import Glibc
internal import Synchronization

/// Wakes tasks of this process at their times, by one thread.
///
/// `Task.sleep` of the concurrency runtime wakes three threads in turn: its timers', one that takes
/// over from it, and the one that runs the task. An agent that publishes ten times a
/// second does little else.
final class SleepClock: Sendable {
    /// The one of this process.
    static let shared = SleepClock()

    private struct Sleeper {
        let id: Int
        let deadline: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        /// The earliest last; as many as tasks that sleep.
        var sleepers: [Sleeper] = []
        var nextID = 0
        var thread: SystemThread?
    }

    private let state = Mutex(State())
    /// Readable at the earliest deadline: who sets an earlier one wakes nobody for it.
    private let timer: Int32

    private init() {
        timer = cerro_timer_make()
        precondition(timer >= 0, "no timer can be made: errno \(errno)")
    }

    /// Suspends until the monotonic clock shows `deadline`.
    ///
    /// - Throws: `CancellationError` when cancelled before.
    func sleep(until deadline: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(Sleeper(id: id, deadline: deadline, continuation: continuation))
                // Cancelled before the handler could find the sleeper.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func add(_ sleeper: Sleeper) {
        state.withLock { state in
            let place =
                state.sleepers.firstIndex { $0.deadline <= sleeper.deadline }
                ?? state.sleepers.endIndex
            state.sleepers.insert(sleeper, at: place)
            if place == state.sleepers.count - 1 { ring(at: sleeper.deadline) }
            if state.thread == nil { state.thread = SystemThread { [self] in run() } }
        }
    }

    private func ring(at deadline: Duration) {
        cerro_timer_ring(timer, deadline.nanoseconds)
    }

    private func cancel(_ id: Int) {
        let sleeper = state.withLock { state in
            state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) }
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }

    private func run() -> Never {
        let time = SystemTimeSource()
        var expirations: UInt64 = 0
        while true {
            read(timer, &expirations, MemoryLayout<UInt64>.size)
            let now = time.monotonic
            let due = state.withLock { state in
                let first = state.sleepers.firstIndex { $0.deadline <= now }
                let due = first.map { Array(state.sleepers[$0...]) } ?? []
                state.sleepers.removeLast(due.count)
                if let next = state.sleepers.last { ring(at: next.deadline) }
                return due
            }
            // Without the lock: a task that is being cancelled is locked, and asks for ours.
            for sleeper in due.reversed() { sleeper.continuation.resume() }
        }
    }
}

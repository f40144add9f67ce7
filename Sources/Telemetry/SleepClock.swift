internal import CKernel
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Wakes what sleeps in this process at its time, by one thread, and runs it there.
///
/// At ordinary rates an agent does little else than wake up, and each thread that has to be woken
/// costs many times what it does then. `Task.sleep` of the concurrency runtime wakes three in turn:
/// its timers', one that takes over from it, and the one that runs the task. Tasks that prefer this
/// executor go on after a sleep on the thread that waited for it; otherwise they run on the
/// machine's threads like any other.
///
/// One that computes or blocks there holds up nobody for longer than ``grace``: a second thread
/// then hands over to the others what is due.
package final class SleepClock: TaskExecutor, Sendable {
    /// The one of this process.
    package static let shared = SleepClock()

    /// How late others are woken at most, because of one that was woken before.
    private static let grace = Duration.milliseconds(1)

    private enum Waker {
        case task(CheckedContinuation<Void, any Error>)
        case call(@Sendable () -> Void)

        func wake() {
            switch self {
            case .task(let continuation): continuation.resume()
            case .call(let body): body()
            }
        }
    }

    private struct Sleeper {
        let id: Int
        let deadline: Duration
        let waker: Waker
    }

    private struct State {
        /// The earliest last; as many as tasks that sleep, and alarms.
        var sleepers: [Sleeper] = []
        /// What was woken and waits for the thread, which runs something else.
        var woken: [UnownedJob] = []
        var isServing = false
        var nextID = 0
        var thread: SystemThread?, guardian: SystemThread?

        mutating func takeDue(at now: Duration) -> ReversedCollection<[Sleeper]> {
            let first = sleepers.firstIndex { $0.deadline <= now } ?? sleepers.endIndex
            let due = Array(sleepers[first...])
            sleepers.removeLast(due.count)
            return due.reversed()
        }
    }

    private let state = Mutex(State())
    /// Readable at the earliest deadline: who sets an earlier one wakes nobody for it.
    private let timer: Int32
    /// Readable where the thread has not come back in time.
    private let lateTimer: Int32
    private let owner = Atomic<UInt>(0)
    /// Whether those who are due are being resumed.
    ///
    /// Only the thread touches it: ``enqueue(_:)`` asks first whether the caller is that thread.
    private nonisolated(unsafe) var isResuming = false

    private init() {
        timer = cerro_timer_make()
        lateTimer = cerro_timer_make()
        precondition(timer >= 0 && lateTimer >= 0, "no timer can be made: errno \(errno)")
    }

    /// Suspends until the monotonic clock shows `deadline`.
    ///
    /// - Throws: `CancellationError` when cancelled before.
    func sleep(until deadline: Duration) async throws {
        let id = newID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(Sleeper(id: id, deadline: deadline, waker: .task(continuation)))
                // Cancelled before the handler could find the sleeper.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Calls `body` once the monotonic clock shows `deadline`; returns what ``cancel(_:)`` takes.
    func call(at deadline: Duration, _ body: @escaping @Sendable () -> Void) -> Int {
        let id = newID()
        add(Sleeper(id: id, deadline: deadline, waker: .call(body)))
        return id
    }

    /// Wakes nobody at that time any more; a task goes on at once, and learns of it.
    func cancel(_ id: Int) {
        let sleeper = state.withLock { state in
            state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) }
        }
        if case .task(let continuation) = sleeper?.waker {
            continuation.resume(throwing: CancellationError())
        }
    }

    /// Runs `job` on the thread where its task was just woken by it, else on the machine's.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard owner.load(ordering: .relaxed) == UInt(pthread_self()), isResuming else {
            return handOver(job)
        }
        state.withLock { $0.woken.append(job) }
    }

    private func handOver(_ job: UnownedJob) {
        DispatchQueue.global().async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    private func newID() -> Int {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    private func add(_ sleeper: Sleeper) {
        state.withLock { state in
            let place =
                state.sleepers.firstIndex { $0.deadline <= sleeper.deadline }
                ?? state.sleepers.endIndex
            state.sleepers.insert(sleeper, at: place)
            if place == state.sleepers.count - 1 { ring(state) }
            if state.thread == nil {
                state.thread = SystemThread { [self] in serve() }
                state.guardian = SystemThread { [self] in guardOthers() }
            }
        }
    }

    /// Has the timer ring that is waited for; while something is woken it will ring soon.
    private func ring(_ state: borrowing State) {
        guard let next = state.sleepers.last?.deadline, state.woken.isEmpty else { return }
        if state.isServing {
            cerro_timer_ring(lateTimer, (next + Self.grace).nanoseconds)
        } else {
            cerro_timer_ring(timer, next.nanoseconds)
        }
    }

    private func serve() -> Never {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        let time = SystemTimeSource()
        while true {
            wait(for: timer)
            let due = state.withLock { state in
                state.isServing = true
                return state.takeDue(at: time.monotonic)
            }
            // Without the lock: a task that is being cancelled is locked, and asks for ours.
            isResuming = true
            for sleeper in due { sleeper.waker.wake() }
            isResuming = false
            if state.withLock({ $0.woken.count > 1 }) {
                cerro_timer_ring(lateTimer, (time.monotonic + Self.grace).nanoseconds)
            }
            while let job = nextJob() { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    /// What was woken next; nil once all has run, and the timer is waited for.
    private func nextJob() -> UnownedJob? {
        state.withLock { state in
            if let job = state.woken.first {
                state.woken.removeFirst()
                ring(state)
                return job
            }
            state.isServing = false
            cerro_timer_ring(lateTimer, .max)
            ring(state)
            return nil
        }
    }

    /// Hands over what is due and has waited too long for the thread.
    private func guardOthers() -> Never {
        let time = SystemTimeSource()
        while true {
            wait(for: lateTimer)
            let (jobs, due) = state.withLock { state in
                guard state.isServing else { return ([UnownedJob](), [Sleeper]().reversed()) }
                defer {
                    state.woken = []
                    ring(state)
                }
                return (state.woken, state.takeDue(at: time.monotonic))
            }
            for job in jobs { handOver(job) }
            for sleeper in due { sleeper.waker.wake() }
        }
    }

    private func wait(for timer: Int32) {
        var expirations: UInt64 = 0
        read(timer, &expirations, MemoryLayout<UInt64>.size)
    }
}

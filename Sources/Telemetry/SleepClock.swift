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
    ///
    /// Where many processes wake together, as at a beat, the machine alone makes each of them late
    /// by some milliseconds.
    private static let grace = Duration.milliseconds(5)
    private static let never = Duration.nanoseconds(Int64.max)

    private enum Waker {
        /// Resumed once: by whoever takes its sleeper out of the list, which is under the lock.
        case task(UnsafeContinuation<Void, any Error>)
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
        /// What the timer of those who are late is set to; nothing once it has rung.
        var lateAt = never
        var thread: SystemThread?, guardian: SystemThread?

        mutating func takeDue(at now: Duration) -> Sleeper? {
            guard let last = sleepers.last, last.deadline <= now else { return nil }
            return sleepers.removeLast()
        }
    }

    private let state = Mutex(State())
    private let lastID = Atomic<Int>(0)
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
            try await withUnsafeThrowingContinuation { continuation in
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

    private func newID() -> Int { lastID.wrappingAdd(1, ordering: .relaxed).newValue }

    private func add(_ sleeper: Sleeper) {
        state.withLock { state in
            let place =
                state.sleepers.firstIndex { $0.deadline <= sleeper.deadline }
                ?? state.sleepers.endIndex
            state.sleepers.insert(sleeper, at: place)
            if place == state.sleepers.count - 1 { ring(&state) }
            if state.thread == nil {
                state.thread = SystemThread { [self] in serve() }
                state.guardian = SystemThread { [self] in guardOthers() }
            }
        }
    }

    /// Has the timer ring that is waited for; while something is woken it will ring soon.
    private func ring(_ state: inout State) {
        guard let next = state.sleepers.last?.deadline, state.woken.isEmpty else { return }
        if state.isServing {
            ringLate(by: next + Self.grace, &state)
        } else {
            cerro_timer_ring(timer, next.nanoseconds)
        }
    }

    /// Has the guardian look at `deadline` or before.
    private func ringLate(by deadline: Duration, _ state: inout State) {
        if deadline < state.lateAt { setLate(deadline, &state) }
    }

    private func setLate(_ deadline: Duration, _ state: inout State) {
        guard deadline != state.lateAt else { return }
        state.lateAt = deadline
        cerro_timer_ring(lateTimer, deadline.nanoseconds)
    }

    private func serve() -> Never {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        let time = SystemTimeSource()
        while true {
            wait(for: timer)
            let now = time.monotonic
            var isDone = false
            repeat {
                let sleeper = state.withLock { state in
                    state.isServing = true
                    let due = state.takeDue(at: now)
                    if let next = state.sleepers.last?.deadline {
                        ringLate(by: max(next, now) + Self.grace, &state)
                    }
                    return due
                }
                // Without the lock: a task that is being cancelled is locked, and asks for ours.
                isResuming = true
                sleeper?.waker.wake()
                isResuming = false
                isDone = sleeper == nil
            } while !isDone
            while let job = nextJob() { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    /// What was woken next; nil once all has run, and the timer is waited for.
    private func nextJob() -> UnownedJob? {
        state.withLock { state in
            if let job = state.woken.first {
                state.woken.removeFirst()
                ring(&state)
                return job
            }
            state.isServing = false
            ring(&state)
            // Nobody is held up by who is woken next before the one behind that is due; and a busy
            // machine may wake the thread later than the grace.
            let second = state.sleepers.dropLast().last.map { $0.deadline + Self.grace }
            setLate(second ?? Self.never, &state)
            return nil
        }
    }

    /// Hands over what is due and has waited too long for the thread.
    private func guardOthers() -> Never {
        let time = SystemTimeSource()
        while true {
            wait(for: lateTimer)
            let (jobs, due) = state.withLock { state in
                state.lateAt = Self.never
                guard state.isServing else { return ([UnownedJob](), [Sleeper]()) }
                let jobs = state.woken
                state.woken = []
                var due: [Sleeper] = []
                let now = time.monotonic
                while let sleeper = state.takeDue(at: now) { due.append(sleeper) }
                ring(&state)
                return (jobs, due)
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

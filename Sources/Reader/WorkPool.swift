internal import Dispatch
internal import Synchronization
internal import Telemetry

/// When a query has to be done.
struct Deadline: Sendable {
    private let time: any TimeSource
    private let end: Duration
    private let limit: Duration

    init(_ time: any TimeSource, after limit: Duration) {
        self.time = time
        self.limit = limit
        end = time.monotonic + limit
    }

    /// Throws ``QueryError/timeout(_:)`` once the time is over; long work asks now and then.
    func check() throws(QueryError) {
        guard time.monotonic < end else { throw .timeout(limit) }
    }
}

/// Threads for work that waits for the disk or computes for long: a few at once, the rest in line.
final class WorkPool: Sendable {
    private struct State {
        var running = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private let queue = DispatchQueue(label: "cerro.reader.queries", attributes: .concurrent)
    private let state = Mutex(State())
    private let time: any TimeSource
    private let threads: Int
    private let mostWaiting: Int
    private let timeLimit: Duration

    init(
        time: any TimeSource,
        threads: Int = ReaderLimits.concurrentQueries,
        waiting: Int = ReaderLimits.waitingQueries,
        timeLimit: Duration = ReaderLimits.queryTime
    ) {
        self.time = time
        self.threads = threads
        mostWaiting = waiting
        self.timeLimit = timeLimit
    }

    /// Runs `body` on a thread and hands its result to `done` there; refuses it if too many wait.
    ///
    /// The time limit runs from now on, waiting included.
    func submit<Result: Sendable>(
        _ body: @escaping @Sendable (Deadline) throws(QueryError) -> Result,
        done: @escaping @Sendable (Swift.Result<Result, QueryError>) -> Void
    ) {
        let deadline = Deadline(time, after: timeLimit)
        let isAccepted = admit(always: false) {
            do throws(QueryError) {
                try deadline.check()
                done(.success(try body(deadline)))
            } catch {
                done(.failure(error))
            }
        }
        if !isAccepted { done(.failure(.busy(waiting: mostWaiting))) }
    }

    /// Runs `body` on a thread, however many wait.
    ///
    /// It is a step of something admitted before, so it may always wait:
    /// a connection has one step at a time, and connections are limited.
    func step<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            _ = admit(always: true) { continuation.resume(returning: body()) }
        }
    }

    private func admit(always: Bool, _ work: @escaping @Sendable () -> Void) -> Bool {
        enum Decision { case run, wait, refuse }
        let decision = state.withLock { state -> Decision in
            if state.running < threads {
                state.running += 1
                return .run
            }
            guard always || state.waiting.count < mostWaiting else { return .refuse }
            state.waiting.append(work)
            return .wait
        }
        if decision == .run { queue.async { self.run(work) } }
        return decision != .refuse
    }

    /// Runs `work` and what waits after it, one after the other.
    private func run(_ work: @Sendable () -> Void) {
        work()
        while let next = takeNext() { next() }
    }

    private func takeNext() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
    }
}

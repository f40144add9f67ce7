internal import Dispatch
internal import Synchronization
internal import Telemetry

/// Threads for work that waits for the disk or computes for long: a few at once, the rest in line.
final class WorkPool: Sendable {
    private struct State {
        var running = 0
        var waiting: [(isOver: @Sendable () -> Bool, run: @Sendable () -> Void)] = []
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

    /// How many queries run and how many wait for a thread.
    var load: (running: Int, waiting: Int) {
        state.withLock { ($0.running, $0.waiting.count) }
    }

    /// Runs `body` on a thread and hands its result to `done` there; refuses it if too many wait.
    ///
    /// The time limit runs from now on, waiting included. Work that `stop` ends while it waits
    /// gives its place to another.
    func submit<Result: Sendable>(
        stop: StopSign = StopSign(),
        _ body: @escaping @Sendable (Deadline) throws(QueryError) -> Result,
        done: @escaping @Sendable (Swift.Result<Result, QueryError>) -> Void
    ) {
        let deadline = Deadline(time, after: timeLimit, stop: stop)
        let isAccepted = admit(isOver: { stop.isSet }) {
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
            _ = admit(isOver: nil) { continuation.resume(returning: body()) }
        }
    }

    /// Takes work that always may wait if `isOver` is nil.
    private func admit(
        isOver: (@Sendable () -> Bool)?,
        _ work: @escaping @Sendable () -> Void
    ) -> Bool {
        enum Decision { case run, wait, refuse }
        let decision = state.withLock { state -> Decision in
            if state.running < threads {
                state.running += 1
                return .run
            }
            if isOver != nil, state.waiting.count >= mostWaiting {
                state.waiting.removeAll { $0.isOver() }
                guard state.waiting.count < mostWaiting else { return .refuse }
            }
            state.waiting.append((isOver ?? { false }, work))
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
            return state.waiting.removeFirst().run
        }
    }
}

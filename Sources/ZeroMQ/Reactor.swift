internal import CZeroMQ
internal import Glibc
internal import Synchronization

/// One thread that owns all sockets of a process and executes the actors that use them.
///
/// An actor is pinned by `nonisolated var unownedExecutor: UnownedSerialExecutor {
/// reactor.asUnownedSerialExecutor() }`. Handlers of sockets and timers run on the thread but
/// outside of any job; they enter such an actor by `assumeIsolated`, without a hop. Nothing may
/// block the thread: disks and compression have threads of their own.
///
/// Jobs cannot be refused, so their queue has no limit of its own: whoever starts tasks or calls
/// ``run(_:)`` bounds how many are under way.
///
/// After ``shutdown()`` all sockets are closed and timers forgotten. Jobs that come later still
/// run, in order and one at a time, on a thread that lives as long as there are such jobs: an
/// actor whose task is resumed during the end finishes, and finds its sockets closed.
///
/// A task that prefers the reactor, as one does that mostly waits for its actors, goes on there
/// after each wait; other tasks that are resumed there wake one of the machine's threads first.
public final class Reactor: SerialExecutor, TaskExecutor {
    enum Work {
        case job(UnownedJob)
        case body(@Sendable () -> Void)
    }

    private struct Inbox {
        var work: [Work] = []
        var isAsleep = false
        var isStopping = false
        /// Whether a thread takes what is in ``work``.
        var isServed = true
        var hasEnded = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let inbox = Mutex(Inbox())
    private let owner = Atomic<UInt>(0)
    private let context: Context?
    // Touched only by the thread that `owner` names, and by `init` before there is one; but anybody
    // may call `wake()`, which reads nothing that changes.
    private nonisolated(unsafe) let loop: ReactorLoop

    /// Starts the thread, which keeps the reactor alive until ``shutdown()``.
    ///
    /// - Parameter context: what the sockets belong to; the reactor terminates it at its end.
    /// - Throws: ``ZeroMQError/exhausted(call:reason:)``.
    public init(context: Context? = nil) throws(ZeroMQError) {
        self.context = context
        loop = try ReactorLoop()
        try startThread { $0.serve() }
    }

    /// Whether the caller runs on the reactor's thread.
    public var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Traps unless the caller runs on the reactor's thread; what `assumeIsolated` asks.
    public func checkIsolated() {
        precondition(isCurrent, "called outside of the reactor that owns the sockets")
    }

    /// Whether the caller runs on the reactor's thread, for the runtime.
    public func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Runs `job` on the reactor's thread; without a system call if the caller is on it.
    public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Runs `body` on the reactor's thread, after what was asked for before; never at once.
    public func run(_ body: @escaping @Sendable () -> Void) { add(.body(body)) }

    /// Runs `body` on the reactor's thread when that wakes next, before what has woken it.
    ///
    /// It wakes nobody, and keeps its place among what is given to ``run(_:)``. What nobody sees
    /// before they ask is told like that.
    public func whenAwake(_ body: @escaping @Sendable () -> Void) {
        add(.body(body), wakes: false)
    }

    /// Runs `body` on the reactor's thread, on which the caller has to be, after `delay`.
    ///
    /// The time is that of the machine: meant for connections, not for samples.
    public func run(after delay: Duration, _ body: @escaping () -> Void) {
        checkIsolated()
        loop.addTimer(after: delay, body)
    }

    /// Closes all sockets, ends the thread and waits for that; more calls wait as well.
    public func shutdown() async {
        await withCheckedContinuation { continuation in
            let (hasEnded, wakes) = inbox.withLock { inbox in
                guard !inbox.hasEnded else { return (true, false) }
                inbox.waiters.append(continuation)
                inbox.isStopping = true
                defer { inbox.isAsleep = false }
                return (false, inbox.isAsleep)
            }
            if hasEnded { continuation.resume() }
            if wakes { loop.wake() }
        }
    }

    /// The state of the thread, for the sockets, which are used on it only.
    var isolatedLoop: ReactorLoop {
        checkIsolated()
        return loop
    }

    private func add(_ work: Work, wakes isUrgent: Bool = true) {
        if isCurrent {
            loop.ready.append(work)
            return
        }
        // The runtime keeps no executor for a job: once the work is there, who does it may be the
        // last one to know the reactor, and this thread has yet to wake it.
        let kept = Unmanaged.passRetained(self)
        defer { kept.release() }
        let (wakes, needsThread) = inbox.withLock { inbox in
            inbox.work.append(work)
            guard isUrgent || !inbox.isServed || inbox.work.count >= ZeroMQLimits.jobsPerTurn else {
                return (false, false)
            }
            defer {
                inbox.isAsleep = false
                inbox.isServed = true
            }
            return (inbox.isAsleep, !inbox.isServed)
        }
        if wakes { loop.wake() }
        if needsThread {
            do {
                try startThread { $0.serveLate() }
            } catch {
                preconditionFailure("a job after the reactor's end has no thread: \(error)")
            }
        }
    }
}

extension Reactor {
    private final class Start {
        let reactor: Reactor
        let body: (Reactor) -> Void

        init(_ reactor: Reactor, _ body: @escaping (Reactor) -> Void) {
            self.reactor = reactor
            self.body = body
        }
    }

    /// The thread owns the reactor: an executor that goes away under its jobs crashes.
    private func startThread(_ body: @escaping (Reactor) -> Void) throws(ZeroMQError) {
        let start = Unmanaged.passRetained(Start(self, body))
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, reactorThread, start.toOpaque())
        guard status == 0 else {
            start.release()
            throw .of("pthread_create", status)
        }
        pthread_detach(thread)
    }

    fileprivate static func main(_ argument: UnsafeMutableRawPointer) {
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        let reactor = start.reactor
        reactor.owner.store(UInt(pthread_self()), ordering: .relaxed)
        start.body(reactor)
    }

    private func serve() {
        while true {
            let isStopping = takeInbox()
            runJobs()
            if isStopping, loop.ready.isEmpty { break }
            let mayWait = loop.settle() && fallAsleep()
            loop.poll(mayWait: mayWait) {
                _ = takeInbox()
                runJobs()
            }
        }
        loop.closeAll()
        context?.terminate()
        serveLate()
    }

    /// Runs what is there without sockets; the last one to leave says that nobody serves.
    private func serveLate() {
        var waiters: [CheckedContinuation<Void, Never>] = []
        while true {
            _ = takeInbox()
            runJobs()
            guard loop.ready.isEmpty else { continue }
            let isDone = inbox.withLock { inbox in
                guard inbox.work.isEmpty else { return false }
                // Cleared first: from here on another thread may become the owner.
                owner.store(0, ordering: .relaxed)
                inbox.isServed = false
                inbox.hasEnded = true
                waiters = inbox.waiters
                inbox.waiters = []
                return true
            }
            if isDone { break }
        }
        for waiter in waiters { waiter.resume() }
    }

    private func takeInbox() -> Bool {
        inbox.withLock { inbox in
            inbox.isAsleep = false
            if loop.ready.isEmpty {
                swap(&loop.ready, &inbox.work)
            } else {
                loop.ready += inbox.work
                inbox.work.removeAll(keepingCapacity: true)
            }
            return inbox.isStopping
        }
    }

    private func fallAsleep() -> Bool {
        inbox.withLock { inbox in
            inbox.isAsleep = inbox.work.isEmpty && !inbox.isStopping
            return inbox.isAsleep
        }
    }

    private func runJobs() {
        var done = 0
        let executor = asUnownedSerialExecutor()
        while done < loop.ready.count, done < ZeroMQLimits.jobsPerTurn {
            let work = loop.ready[done]
            done += 1
            switch work {
            case .job(let job): job.runSynchronously(on: executor)
            case .body(let body): body()
            }
        }
        loop.ready.removeFirst(done)
    }
}

private func reactorThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { Reactor.main(argument) }
    return nil
}

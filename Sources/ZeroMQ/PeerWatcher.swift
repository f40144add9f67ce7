internal import CZeroMQ
internal import Glibc
internal import Synchronization
internal import Telemetry

/// The one thread of the process that looks for all watches.
///
/// Once a second it is asked whether a look is due, by the thread that runs what sleeps: at rest
/// that one is awake for other reasons then, and this one stays asleep.
final class PeerWatcher: Sendable {
    static let shared = PeerWatcher()

    private struct Watched {
        weak var watch: PeerWatch?
    }

    private struct State {
        var watches: [Watched] = []
        var isRunning = false
        /// Whether somebody is new or busy.
        var isHurried = false
        var host = HostTraffic()

        /// Whether nobody can have left much unread, or unseen.
        mutating func isQuiet() -> Bool {
            host.isQuiet() && watches.allSatisfy { $0.watch?.isQuiet ?? true }
        }
    }

    private let state = Mutex(State())
    private let wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    /// Looks for `watch` from now on, for as long as somebody keeps it.
    func add(_ watch: PeerWatch) throws(ZeroMQError) {
        let starts = state.withLock { state in
            state.watches.removeAll { $0.watch == nil }
            state.watches.append(Watched(watch: watch))
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard starts else { return hurry() }
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, peerWatcherThread, nil)
        guard status == 0 else {
            state.withLock { $0.isRunning = false }
            throw .of("pthread_create", status)
        }
        pthread_detach(thread)
        askLater()
    }

    /// Has the next look come soon.
    func hurry() {
        state.withLock { $0.isHurried = true }
        ring()
    }

    private func ring() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the thread is about to wake anyway.
        _ = write(wake, &one, 8)
    }

    /// Asks at the next beat whether a look is due, and so on.
    private func askLater() {
        let time = SystemTimeSource()
        let beat = time.nextBeat(every: ZeroMQLimits.look, after: ZeroMQLimits.lookPhase)
        _ = time.call(atMonotonic: beat) { [self] in
            if state.withLock({ !$0.isQuiet() }) { ring() }
            askLater()
        }
    }

    fileprivate func run() {
        let clock = ContinuousClock()
        var last = clock.now
        var descriptors = OpenDescriptors()
        var isHurried = false
        while true {
            let isThorough = wait(isHurried)
            let passed = last.duration(to: clock.now)
            last = clock.now
            let watches = state.withLock { $0.watches.compactMap(\.watch) }
            let connections = descriptors.connections(
                at: Set(watches.map(\.port)),
                isThorough: isThorough
            )
            isHurried = false
            for watch in watches
            where watch.look(at: connections[watch.port] ?? [], after: passed) {
                isHurried = true
            }
        }
    }

    /// Until the next look is due, soon where the last one was hurried; whether this one is.
    private func wait(_ isHurried: Bool) -> Bool {
        var poll = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        guard !isHurried else {
            _ = Glibc.poll(&poll, 0, Int32(ZeroMQLimits.hurriedLook / .milliseconds(1)))
            return true
        }
        _ = Glibc.poll(&poll, 1, -1)
        var count: UInt64 = 0
        _ = read(wake, &count, 8)
        return state.withLock { state in
            defer { state.isHurried = false }
            return state.isHurried
        }
    }
}

private func peerWatcherThread(_: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    PeerWatcher.shared.run()
    return nil
}

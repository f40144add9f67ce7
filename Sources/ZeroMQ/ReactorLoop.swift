internal import CZeroMQ
internal import Glibc

/// What the reactor's thread has for itself: jobs that are ready, sockets, timers.
///
/// The library gives each socket a descriptor that becomes readable when something may have
/// changed. All of them are waited for with one call; `zmq_poll` would ask each socket by calls of
/// its own, at every turn.
///
/// Any call into the library may take that sign away. So a socket that was used is looked at
/// before the thread waits: see ``lookAgain(at:)``.
///
/// Source: ØMQ API reference 4.3, `zmq_getsockopt(3)`, options ZMQ_FD and ZMQ_EVENTS.
final class ReactorLoop {
    var ready: [Reactor.Work] = []
    /// False once the reactor has closed its sockets: their context is gone.
    private(set) var isOpen = true

    private struct Timer {
        let deadline: ContinuousClock.Instant
        let body: () -> Void
    }

    private let wakeDescriptor: Int32
    private let pollDescriptor: Int32
    private var sockets: [Int32: Socket] = [:]
    /// Sockets that may have something although their descriptors do not say so.
    private var unsure: [Socket] = []
    /// The earliest last, so that taking it is cheap.
    private var timers: [Timer] = []
    private let clock = ContinuousClock()

    init() throws(ZeroMQError) {
        let wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wake >= 0 else { throw .of("eventfd", errno) }
        let poll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard poll >= 0 else {
            let number = errno
            close(wake)
            throw .of("epoll_create1", number)
        }
        wakeDescriptor = wake
        pollDescriptor = poll
        try watch(wake)
    }

    deinit {
        close(pollDescriptor)
        close(wakeDescriptor)
    }

    /// Ends the wait of the thread, now or when it waits next; called on any thread.
    func wake() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the thread is about to wake anyway.
        _ = write(wakeDescriptor, &one, 8)
    }

    func add(_ socket: Socket) throws(ZeroMQError) {
        try watch(socket.descriptor)
        sockets[socket.descriptor] = socket
        lookAgain(at: socket)
    }

    /// Forgets a socket; called before the library closes its descriptor.
    func remove(_ socket: Socket) {
        guard sockets.removeValue(forKey: socket.descriptor) != nil else { return }
        epoll_ctl(pollDescriptor, EPOLL_CTL_DEL, socket.descriptor, nil)
        unsure.removeAll { $0 === socket }
    }

    /// Has the socket asked before the thread waits again.
    func lookAgain(at socket: Socket) {
        guard !socket.isUnsure else { return }
        socket.isUnsure = true
        unsure.append(socket)
    }

    func addTimer(after delay: Duration, _ body: @escaping () -> Void) {
        precondition(timers.count < ZeroMQLimits.mostTimers, "more timers than are bounded")
        let timer = Timer(deadline: clock.now + delay, body: body)
        let place = timers.lastIndex { $0.deadline > timer.deadline }.map { $0 + 1 } ?? 0
        timers.insert(timer, at: place)
    }

    /// Calls the handlers of sockets that were used and of timers that are due; whether the thread
    /// may wait now.
    func settle() -> Bool {
        runTimers()
        let used = unsure
        unsure.removeAll(keepingCapacity: true)
        for socket in used where socket.isUnsure {
            socket.isUnsure = false
            socket.deliver()
        }
        return unsure.isEmpty && ready.isEmpty
    }

    /// Waits for sockets, timers or a wake-up, calls `onWake`, and then the handlers of sockets.
    func poll(mayWait: Bool, onWake: () -> Void) {
        let most = ZeroMQLimits.socketsPerTurn
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: most) { events in
            let timeout = mayWait ? timeout() : 0
            let count = epoll_wait(pollDescriptor, events.baseAddress, Int32(most), timeout)
            onWake()
            for event in events.prefix(max(0, Int(count))) {
                if event.data.fd == wakeDescriptor {
                    takeWakeUp()
                } else {
                    // A handler may have closed it meanwhile.
                    sockets[event.data.fd]?.deliver()
                }
            }
        }
    }

    func closeAll() {
        isOpen = false
        timers.removeAll()
        // A monitor goes with the socket that it watches, never before: the library's thread would
        // wait for ever with an event that nobody takes, and the watched socket for that thread.
        while let socket = sockets.values.first(where: { !$0.isMonitor }) { socket.close() }
        precondition(sockets.isEmpty, "a monitor outlives the socket that it watches")
    }

    private func watch(_ descriptor: Int32) throws(ZeroMQError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = descriptor
        guard epoll_ctl(pollDescriptor, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw .of("epoll_ctl", errno)
        }
    }

    private func timeout() -> Int32 {
        guard let next = timers.last else { return -1 }
        let wait = clock.now.duration(to: next.deadline)
        guard wait > .zero else { return 0 }
        let (seconds, attoseconds) = wait.components
        // Rounded up: waking a moment early would turn in circles until it is time.
        return Int32(min(seconds, 3_600)) * 1_000 + Int32(attoseconds / 1_000_000_000_000_000) + 1
    }

    private func runTimers() {
        guard !timers.isEmpty else { return }
        let now = clock.now
        while let timer = timers.last, timer.deadline <= now {
            timers.removeLast()
            timer.body()
        }
    }

    private func takeWakeUp() {
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, 8)
    }
}

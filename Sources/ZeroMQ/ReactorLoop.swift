internal import CZeroMQ
internal import Glibc

/// What the reactor's thread has for itself: jobs that are ready, sockets, timers.
final class ReactorLoop {
    var ready: [Reactor.Work] = []
    var sockets: [Socket] = []
    var socketsChanged = true
    /// False once the reactor has closed its sockets: their context is gone.
    private(set) var isOpen = true

    private struct Timer {
        let deadline: ContinuousClock.Instant
        let body: () -> Void
    }

    private let wakeDescriptor: Int32
    private var items: [zmq_pollitem_t] = []
    /// The earliest last, so that taking it is cheap.
    private var timers: [Timer] = []
    private let clock = ContinuousClock()

    init(wakeDescriptor: Int32) {
        self.wakeDescriptor = wakeDescriptor
    }

    func addTimer(after delay: Duration, _ body: @escaping () -> Void) {
        precondition(timers.count < ZeroMQLimits.mostTimers, "more timers than are bounded")
        let timer = Timer(deadline: clock.now + delay, body: body)
        let place = timers.lastIndex { $0.deadline > timer.deadline }.map { $0 + 1 } ?? 0
        timers.insert(timer, at: place)
    }

    /// Waits for sockets, timers or a wake-up and calls their handlers.
    func poll(mayWait: Bool) {
        if socketsChanged { rebuild() }
        let count = Int32(items.count)
        guard zmq_poll(&items, count, mayWait ? timeout() : 0) >= 0 else { return }
        // Handlers may add and close sockets: that shows in the next turn.
        let current = sockets
        let polled = items
        if polled[0].revents != 0 { takeWakeUp() }
        runTimers()
        for (index, item) in polled.enumerated().dropFirst() where item.revents != 0 {
            let socket = current[index - 1]
            if item.revents & Int16(ZMQ_POLLIN) != 0 { socket.deliver() }
            if item.revents & Int16(ZMQ_POLLOUT) != 0 { socket.deliverWritable() }
        }
    }

    func closeAll() {
        isOpen = false
        timers.removeAll()
        while let socket = sockets.last { socket.close() }
    }

    func remove(_ socket: Socket) {
        sockets.removeAll { $0 === socket }
        socketsChanged = true
    }

    private func rebuild() {
        socketsChanged = false
        items.removeAll(keepingCapacity: true)
        items.append(
            zmq_pollitem_t(socket: nil, fd: wakeDescriptor, events: Int16(ZMQ_POLLIN), revents: 0)
        )
        for socket in sockets { items.append(socket.pollItem) }
    }

    private func timeout() -> Int {
        guard let next = timers.last else { return -1 }
        let wait = clock.now.duration(to: next.deadline)
        guard wait > .zero else { return 0 }
        let (seconds, attoseconds) = wait.components
        // Rounded up: waking a moment early would turn in circles until it is time.
        return Int(min(seconds, 3_600)) * 1_000 + Int(attoseconds / 1_000_000_000_000_000) + 1
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

internal import Foundation
internal import Synchronization

/// Carries TCP connections from one port to another, and lets them suffer on the way.
///
/// All connections live on one thread, which reads from one side only what the other side takes.
public final class TCPProxy: Sendable {
    /// What happens to bytes on their way.
    public enum Weather: Sendable {
        /// They go on as they come.
        case fine
        /// They go on after so long; new connections too.
        case delayed(Duration)
        /// They stay where they are.
        case stalled
        /// Whole messages are lost, doubled, or overtaken by the next one, each so many of a
        /// hundred; the proxy has to read messages for that.
        case careless(lost: Int, doubled: Int, overtaken: Int)
    }

    /// One end of the way: an address, and the network namespace that it is in.
    public struct End: Sendable {
        /// An IPv4 address and a port.
        public var host: String, port: Int
        /// The file of a network namespace; nil for that of the tests.
        public var namespace: String?

        /// An end at that address.
        public init(_ host: String, _ port: Int, namespace: String? = nil) {
            self.host = host
            self.port = port
            self.namespace = namespace
        }
    }

    private struct Orders {
        var weather = Weather.fine
        var cuts = 0
        var isOver = false
        var harmed = 0
        var recorded: [UInt8] = []
    }

    private let orders = Mutex(Orders())

    /// Begins to carry connections from one end to the other.
    ///
    /// With `chance` it reads the messages that pass, of sockets of ZeroMQ without keys: what
    /// happens to which is drawn from it.
    ///
    /// - Throws: ``NeverHappened`` where nobody can listen.
    public init(from listening: End, to target: End, chance: SeededGenerator? = nil) throws {
        let listener = try ProxyLoop.listen(on: listening)
        Thread.detachNewThread { [weak self] in
            let loop = ProxyLoop(listener, to: target, chance)
            while let orders = self?.takeOrders(), !orders.isOver {
                for _ in 0..<orders.cuts { loop.cutAll() }
                loop.step(orders.weather)
                self?.orders.withLock {
                    $0.harmed = loop.harmed
                    $0.recorded = loop.recorded
                }
            }
            loop.close()
        }
    }

    /// From now on it is like this.
    public func set(_ weather: Weather) { orders.withLock { $0.weather = weather } }

    /// The messages that were lost, doubled or overtaken so far.
    public var harmed: Int { orders.withLock { $0.harmed } }

    /// What the first connection has said so far, from the listening side; at most 1 MiB.
    public var recorded: [UInt8] { orders.withLock { $0.recorded } }

    /// Resets all connections that stand; new ones are carried again.
    public func cut() { orders.withLock { $0.cuts += 1 } }

    /// Ends all connections, and takes no more.
    public func close() { orders.withLock { $0.isOver = true } }

    private func takeOrders() -> Orders {
        orders.withLock { orders in
            defer { orders.cuts = 0 }
            return orders
        }
    }
}

/// The thread of a ``TCPProxy``: what it listens on, and the connections that it carries.
private final class ProxyLoop {
    /// Bytes that are read before they are sent on; then the sender's own buffers fill.
    private static let mostHeld = 256 << 10
    /// Bytes after which no more is recorded.
    private static let mostRecorded = 1 << 20
    /// Milliseconds after which orders are looked at again.
    private static let patience: Int32 = 5

    /// One direction of a connection.
    private struct Flow {
        let source: Int32, sink: Int32
        var messages = MessageStream()
        /// A message that the next one overtakes.
        var overtaken: [UInt8] = []
        var held: [(due: Duration, bytes: [UInt8])] = []
        var heldCount = 0
        var isOver = false
    }

    private let listener: Int32
    private let target: TCPProxy.End
    private var flows: [Flow] = []
    private var chance: SeededGenerator?
    /// Messages that were lost, doubled or overtaken.
    private(set) var harmed = 0
    /// What came over the first connection from the listening side.
    private(set) var recorded: [UInt8] = []
    private var first: Int32?
    private let clock = ContinuousClock()
    private let start = ContinuousClock().now

    init(_ listener: Int32, to target: TCPProxy.End, _ chance: SeededGenerator?) {
        self.listener = listener
        self.target = target
        self.chance = chance
    }

    /// A socket that listens there.
    static func listen(on listening: TCPProxy.End) throws -> Int32 {
        let listener = try Self.socket(in: listening.namespace)
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, size)
        let status = SocketAddress.with(listening.host, port: listening.port) {
            bind(listener, $0, $1)
        }
        guard status == 0, Foundation.listen(listener, 64) == 0 else {
            throw NeverHappened(description: "\(listening) cannot be listened on: errno \(errno)")
        }
        return listener
    }

    /// setns(2) for networks, which the module of the C library does not show.
    private static func enterNetwork(_ descriptor: Int32) -> Bool {
        typealias Call = @convention(c) (Int32, Int32) -> Int32
        guard let symbol = dlsym(nil, "setns") else { return false }
        let network: Int32 = 0x4000_0000
        return unsafeBitCast(symbol, to: Call.self)(descriptor, network) == 0
    }

    /// A socket in a namespace: a thread may be in another one than its process, and the socket
    /// stays where it was made.
    private static func socket(in namespace: String?) throws -> Int32 {
        let own = namespace == nil ? -1 : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        if let namespace {
            let other = open(namespace, O_RDONLY | O_CLOEXEC)
            defer { Foundation.close(other) }
            guard enterNetwork(other) else {
                throw NeverHappened(description: "\(namespace) cannot be entered: errno \(errno)")
            }
        }
        let type =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            | Int32(SOCK_NONBLOCK.rawValue)
        let made = Foundation.socket(AF_INET, type, 0)
        if own >= 0 {
            _ = enterNetwork(own)
            Foundation.close(own)
        }
        return made
    }

    private var now: Duration { clock.now - start }

    /// Waits a moment for something to do, and does it.
    func step(_ weather: TCPProxy.Weather) {
        if case .stalled = weather {
            poll(nil, 0, Self.patience)
            return
        }
        let now = self.now
        var polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for flow in flows {
            let hasRoom = flow.heldCount < Self.mostHeld && !flow.isOver
            polled.append(pollfd(fd: hasRoom ? flow.source : -1, events: Int16(POLLIN), revents: 0))
            let isDue = flow.held.first.map { $0.due <= now } ?? false
            polled.append(pollfd(fd: isDue ? flow.sink : -1, events: Int16(POLLOUT), revents: 0))
        }
        poll(&polled, nfds_t(polled.count), Self.patience)
        var delay = Duration.zero
        if case .delayed(let asked) = weather { delay = asked }
        for index in flows.indices {
            if polled[1 + 2 * index].revents != 0 { read(index, due: now + delay, weather) }
            if polled[2 + 2 * index].revents != 0 { write(index, now) }
        }
        removeEnded()
        if polled[0].revents != 0 { accept() }
    }

    private func accept() {
        let near = Foundation.accept(listener, nil, nil)
        guard near >= 0 else { return }
        _ = fcntl(near, F_SETFL, O_NONBLOCK)
        _ = fcntl(near, F_SETFD, FD_CLOEXEC)
        guard let far = try? Self.socket(in: target.namespace) else {
            Foundation.close(near)
            return
        }
        // It goes on in the background; what fails shows when it is written to.
        _ = SocketAddress.with(target.host, port: target.port) { connect(far, $0, $1) }
        first = first ?? near
        flows.append(Flow(source: near, sink: far))
        flows.append(Flow(source: far, sink: near))
    }

    private func read(_ index: Int, due: Duration, _ weather: TCPProxy.Weather) {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(flows[index].source, &piece, piece.count, 0)
        if count > 0 {
            let bytes = Array(piece.prefix(count))
            if flows[index].source == first, recorded.count < Self.mostRecorded {
                recorded += bytes
            }
            let pieces = chance == nil ? [bytes] : fate(of: bytes, on: index, weather)
            for bytes in pieces {
                flows[index].held.append((due, bytes))
                flows[index].heldCount += bytes.count
            }
        } else if count == 0 || errno != EAGAIN && errno != EINTR {
            flows[index].isOver = true
        }
    }

    /// What becomes of bytes that were read as messages, in the order in which they go on.
    private func fate(
        of bytes: [UInt8],
        on index: Int,
        _ weather: TCPProxy.Weather
    ) -> [[UInt8]] {
        var going: [[UInt8]] = []
        for unit in flows[index].messages.take(bytes) {
            var copies = 1
            var waits = false
            if unit.isMessage, case .careless(let lost, let doubled, let overtaken) = weather {
                copies = draws(lost) ? 0 : draws(doubled) ? 2 : 1
                waits = flows[index].overtaken.isEmpty && draws(overtaken)
            }
            if waits {
                flows[index].overtaken = unit.bytes
            } else {
                going += [[UInt8]](repeating: unit.bytes, count: copies)
                going += [flows[index].overtaken]
                flows[index].overtaken = []
            }
        }
        return going.filter { !$0.isEmpty }
    }

    private func draws(_ share: Int) -> Bool {
        guard var chance, share > 0 else { return false }
        defer { self.chance = chance }
        let isHarmed = Int.random(in: 0..<100, using: &chance) < share
        if isHarmed { harmed += 1 }
        return isHarmed
    }

    private func write(_ index: Int, _ now: Duration) {
        while let (due, bytes) = flows[index].held.first, due <= now {
            let count = send(flows[index].sink, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            guard count >= 0 else {
                if errno != EAGAIN && errno != EINTR { end(index) }
                return
            }
            flows[index].heldCount -= count
            if count < bytes.count {
                flows[index].held[0].bytes.removeFirst(count)
                return
            }
            flows[index].held.removeFirst()
        }
    }

    private func end(_ index: Int) {
        flows[index].isOver = true
        flows[index].held = []
    }

    /// A connection ends with either of its directions, once that is empty.
    private func removeEnded() {
        var kept: [Flow] = []
        for pair in stride(from: 0, to: flows.count, by: 2) {
            let both = flows[pair...pair + 1]
            if both.contains(where: { $0.isOver && $0.held.isEmpty }) {
                reset(both[pair])
            } else {
                kept += both
            }
        }
        flows = kept
    }

    /// Resets every connection.
    func cutAll() {
        for pair in stride(from: 0, to: flows.count, by: 2) { reset(flows[pair]) }
        flows = []
    }

    private func reset(_ flow: Flow) {
        var now = linger(l_onoff: 1, l_linger: 0)
        for descriptor in [flow.source, flow.sink] {
            setsockopt(
                descriptor,
                SOL_SOCKET,
                SO_LINGER,
                &now,
                socklen_t(MemoryLayout<linger>.size)
            )
            Foundation.close(descriptor)
        }
    }

    func close() {
        cutAll()
        Foundation.close(listener)
    }
}

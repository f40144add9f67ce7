internal import CZeroMQ
internal import Glibc

/// What a socket is for.
public enum SocketKind: Sendable {
    /// Answers many peers, each named by a routing id.
    case router
    /// Asks one peer or several in turn.
    case dealer
    /// Publishes, and hears who subscribes.
    case publisher
    /// Hears what it subscribes to.
    case subscriber
    /// Speaks with one other socket of the process.
    case pair
    /// Answers one question after the other, each before the next.
    case reply

    var type: Int32 {
        switch self {
        case .router: ZMQ_ROUTER
        case .dealer: ZMQ_DEALER
        case .publisher: ZMQ_XPUB
        case .subscriber: ZMQ_SUB
        case .pair: ZMQ_PAIR
        case .reply: ZMQ_REP
        }
    }
}

/// What became of a message.
public enum SendOutcome: Hashable, Sendable {
    /// The library has it.
    case sent
    /// The queue is at its mark, or no connection is established: nothing was sent.
    case full
    /// No peer has the routing id: nothing was sent.
    case unroutable
    /// The library refused it for another reason.
    case failed(ZeroMQError)
}

/// One socket of a reactor; all of it is used on the reactor's thread only, which traps otherwise.
///
/// The reactor keeps the socket until ``close()``. Handlers are called on the reactor's thread,
/// outside of any job; each call gets at most ``ZeroMQLimits/messagesPerTurn`` messages before the
/// other sockets have their turn.
public final class Socket {
    /// What owns the socket.
    public let reactor: Reactor
    /// Called with each message; its bytes are valid during the call only.
    public var onMessage: ((Message) -> Void)?
    /// Called when a message can be sent, while ``wantsWritable`` is set.
    public var onWritable: (() -> Void)?
    /// Messages with more parts than ``ZeroMQLimits/mostParts``, which were dropped.
    public private(set) var dropped = 0
    /// Whether the socket has been closed, by ``close()`` or by the reactor's end.
    public var isClosed: Bool { handle == nil }

    private let context: Context
    private let kind: SocketKind
    private var handle: UnsafeMutableRawPointer?
    private let parts: UnsafeMutablePointer<zmq_msg_t>
    private var monitorSocket: Socket?
    private var monitorHandlers: [(MonitorEvent) -> Void] = []
    private var peerWatch: PeerWatch?
    private var cutHandler: ((CutPeer) -> Void)?
    /// Whether it hears what happens to another socket, which closes it.
    private(set) var isMonitor = false
    let waiting = WaitingBytes()
    /// Readable when the library has something to tell of the socket.
    private(set) var descriptor: Int32 = -1
    /// Whether the loop asks the socket before it waits.
    var isUnsure = false

    /// Makes a socket that is neither bound nor connected.
    ///
    /// - Throws: ``ZeroMQError``.
    public init(
        _ kind: SocketKind,
        context: Context,
        reactor: Reactor,
        options: SocketOptions = SocketOptions()
    ) throws(ZeroMQError) {
        let loop = reactor.isolatedLoop
        guard loop.isOpen else {
            throw .exhausted(call: "zmq_socket", reason: "the reactor is shut down")
        }
        guard let handle = zmq_socket(context.pointer, kind.type) else {
            throw .last("zmq_socket")
        }
        self.handle = handle
        self.context = context
        self.kind = kind
        self.reactor = reactor
        parts = .allocate(capacity: ZeroMQLimits.mostParts)
        for index in 0..<ZeroMQLimits.mostParts { zmq_msg_init(parts + index) }
        options.apply(to: self, kind)
        do throws(ZeroMQError) {
            descriptor = try readDescriptor()
            try loop.add(self)
        } catch {
            zmq_close(handle)
            self.handle = nil
            throw error
        }
    }

    deinit {
        for index in 0..<ZeroMQLimits.mostParts { zmq_msg_close(parts + index) }
        parts.deallocate()
    }

    /// Whether ``onWritable`` is called; set it while there is something to send.
    public var wantsWritable = false {
        didSet {
            if wantsWritable, !oldValue { reactor.isolatedLoop.lookAgain(at: self) }
        }
    }

    /// Closes the socket; what is queued is still sent for the time of its linger, or not at all
    /// where `isDiscarding`.
    public func close(isDiscarding: Bool = false) {
        let loop = reactor.isolatedLoop
        guard let handle else { return }
        if isDiscarding { set(ZMQ_LINGER, 0 as Int32) }
        if let monitorSocket {
            zmq_socket_monitor(handle, nil, 0)
            monitorSocket.close()
            self.monitorSocket = nil
        }
        self.handle = nil
        onMessage = nil
        onWritable = nil
        monitorHandlers = []
        peerWatch = nil
        cutHandler = nil
        loop.remove(self)
        zmq_close(handle)
    }

    /// Listens on one port of `host`: `preferred` if it is free, else the first free one of
    /// `ports`, where port 0 is any free one.
    ///
    /// - Returns: the endpoint that it listens on, as `tcp://127.0.0.1:5561`.
    /// - Throws: ``ZeroMQError/portTaken(host:ports:)`` or ``ZeroMQError/badAddress(_:reason:)``.
    public func bind(
        host: String,
        ports: ClosedRange<Int>,
        preferred: Int? = nil
    ) throws(ZeroMQError) -> String {
        noteUse()
        let address = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        let first = preferred.map { [$0] } ?? []
        for port in first + ports.filter({ $0 != preferred }) {
            let endpoint = "tcp://\(address):\(port == 0 ? "*" : String(port))"
            if zmq_bind(handle, endpoint) == 0 { return lastEndpoint ?? endpoint }
            guard zmq_errno() == EADDRINUSE else { throw .last("zmq_bind", address: endpoint) }
        }
        throw .portTaken(host: host, ports: ports)
    }

    /// Connects to `endpoint` and keeps trying for as long as the socket is open.
    ///
    /// - Throws: ``ZeroMQError/badAddress(_:reason:)``.
    public func connect(to endpoint: String) throws(ZeroMQError) {
        noteUse()
        guard zmq_connect(handle, endpoint) == 0 else {
            throw .last("zmq_connect", address: endpoint)
        }
    }

    /// Ends the connection to `endpoint`, or nothing where there is none.
    public func disconnect(from endpoint: String) {
        noteUse()
        zmq_disconnect(handle, endpoint)
    }

    /// Sends one message of one or several parts, whole or not at all; never waits.
    public func send(_ parts: UnsafeRawBufferPointer...) -> SendOutcome {
        guard handle != nil else { return .full }
        noteUse()
        for (index, part) in parts.enumerated() {
            let flags = ZMQ_DONTWAIT | (index + 1 < parts.count ? ZMQ_SNDMORE : 0)
            let outcome = sendPart(part, flags)
            guard outcome == .sent else { return outcome }
        }
        return .sent
    }

    func sendPart(_ part: UnsafeRawBufferPointer, _ flags: Int32) -> SendOutcome {
        while zmq_send(handle, part.baseAddress, part.count, flags) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return .full
            case EHOSTUNREACH: return .unroutable
            default: return .failed(.last("zmq_send"))
            }
        }
        return .sent
    }

    func sendMessage(_ message: inout zmq_msg_t) -> Int32 {
        zmq_msg_send(&message, handle, ZMQ_DONTWAIT)
    }

    /// Sends one message of one or several parts, whole or not at all; never waits.
    public func send(_ parts: [[UInt8]]) -> SendOutcome {
        guard handle != nil else { return .full }
        noteUse()
        for (index, part) in parts.enumerated() {
            let flags = ZMQ_DONTWAIT | (index + 1 < parts.count ? ZMQ_SNDMORE : 0)
            let outcome = part.withUnsafeBytes { sendPart($0, flags) }
            guard outcome == .sent else { return outcome }
        }
        return .sent
    }

    /// Listens for other sockets of the process.
    ///
    /// - Throws: ``ZeroMQError``.
    func bind(inProcess name: String) throws(ZeroMQError) {
        noteUse()
        guard zmq_bind(handle, "inproc://\(name)") == 0 else { throw .last("zmq_bind") }
    }

    /// Sends one message of one part; never waits.
    public func send(_ bytes: [UInt8]) -> SendOutcome {
        bytes.withUnsafeBytes { send($0) }
    }

    /// Calls `handler` with what happens to the connections of the socket, once for each event;
    /// several may listen.
    ///
    /// - Throws: ``ZeroMQError``.
    public func monitor(_ handler: @escaping (MonitorEvent) -> Void) throws(ZeroMQError) {
        reactor.checkIsolated()
        monitorHandlers.append(handler)
        guard monitorSocket == nil else { return }
        let endpoint = "inproc://monitor-\(UInt(bitPattern: handle))"
        guard zmq_socket_monitor(handle, endpoint, MonitorEvent.mask) == 0 else {
            throw .last("zmq_socket_monitor")
        }
        var options = SocketOptions()
        options.receiveMark = ZeroMQLimits.monitorMark
        let monitor = try Socket(.pair, context: context, reactor: reactor, options: options)
        monitor.onMessage = { [weak self] message in
            guard let event = MonitorEvent(message) else { return }
            for handler in self?.monitorHandlers ?? [] { handler(event) }
        }
        monitor.isMonitor = true
        monitorSocket = monitor
        try monitor.connect(to: endpoint)
    }
}

extension Socket {
    /// Ends connections that are beyond `bound`, and tells of each; of a socket that is bound.
    ///
    /// What a publisher hears are subscriptions, which stay; so all of it counts as waiting.
    ///
    /// - Throws: ``ZeroMQError``.
    public func limitPeers(
        _ bound: PeerBound,
        onCut: @escaping (CutPeer) -> Void
    ) throws(ZeroMQError) {
        let port = lastEndpoint?.split(separator: ":").last.flatMap { UInt16($0) }
        cutHandler = onCut
        let told = WeakSocket(self)
        let watch = PeerWatch(bound, port: port ?? 0) { [reactor] peer in
            reactor.run { told.socket?.cutHandler?(peer) }
        }
        peerWatch = watch
        try PeerWatcher.shared.add(watch)
        try monitor { [weak watch] event in
            if case .accepted(_, let descriptor) = event { watch?.accepted(descriptor) }
        }
    }

    /// A connection of the socket by its descriptor; nil where it is none of them any more.
    public func connection(_ descriptor: Int32) -> Connection? {
        let port = lastEndpoint?.split(separator: ":").last.flatMap { UInt16($0) }
        return port.flatMap { Connection(descriptor, port: $0) }
    }

    /// Counts bytes that were sent to the peer of a connection, until it has read them.
    public func noteSent(_ byteCount: Int, to descriptor: Int32) {
        peerWatch?.sent(byteCount + ZeroMQLimits.partOverhead, to: descriptor)
    }

    private var deliveryIsTaken: Bool { peerWatch != nil && kind == .router }

    /// Hands over what is there, up to the budget of one turn, and tells that it can be written.
    func deliver() {
        deliverMessages()
        guard wantsWritable, let events = try? integer(ZMQ_EVENTS) else { return }
        if events & ZMQ_POLLIN != 0 { noteUse() }
        if events & ZMQ_POLLOUT != 0 { onWritable?() }
    }

    /// The library may have read what the descriptor had to say.
    func noteUse() { reactor.isolatedLoop.lookAgain(at: self) }

    private func deliverMessages() {
        var bytes = 0
        for _ in 0..<ZeroMQLimits.messagesPerTurn where bytes < ZeroMQLimits.bytesPerTurn {
            guard !isClosed, let count = receive() else {
                // The read in vain took in all that the library knew.
                isUnsure = false
                return
            }
            guard count <= ZeroMQLimits.mostParts else {
                dropped += 1
                continue
            }
            let message = Message(parts: parts, count: count)
            let size = (0..<count).reduce(0) { $0 + message[$1].count }
            bytes += size
            if deliveryIsTaken {
                let overhead = count * ZeroMQLimits.partOverhead
                peerWatch?.delivered(size + overhead, from: message.descriptor)
            }
            onMessage?(message)
        }
        noteUse()
    }

    private func integer(_ option: Int32) throws(ZeroMQError) -> Int32 {
        var value: Int32 = 0
        var length = MemoryLayout<Int32>.size
        guard zmq_getsockopt(handle, option, &value, &length) == 0 else {
            throw .last("zmq_getsockopt")
        }
        return value
    }

    fileprivate func readDescriptor() throws(ZeroMQError) -> Int32 { try integer(ZMQ_FD) }

    /// How many parts the next message has; those that do not fit are read and forgotten.
    private func receive() -> Int? {
        var count = 0
        while true {
            let part = parts + min(count, ZeroMQLimits.mostParts - 1)
            guard zmq_msg_recv(part, handle, ZMQ_DONTWAIT) >= 0 else {
                if zmq_errno() == EINTR { continue }
                return nil
            }
            count += 1
            if zmq_msg_more(part) == 0 { return count }
        }
    }

    private var lastEndpoint: String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            var length = buffer.count
            guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, buffer.baseAddress, &length) == 0,
                let start = buffer.baseAddress
            else { return nil }
            return String(cString: start)
        }
    }

    func set(_ option: Int32, _ value: Int32) {
        var value = value
        let status = zmq_setsockopt(handle, option, &value, MemoryLayout<Int32>.size)
        precondition(status == 0, "libzmq has no option \(option) with the value \(value)")
    }

    func set(_ option: Int32, _ value: Int64) {
        var value = value
        let status = zmq_setsockopt(handle, option, &value, MemoryLayout<Int64>.size)
        precondition(status == 0, "libzmq has no option \(option) with the value \(value)")
    }

    func set(_ option: Int32, _ bytes: [UInt8]) {
        let status = zmq_setsockopt(handle, option, bytes, bytes.count)
        precondition(status == 0, "libzmq refuses the value of option \(option)")
    }
}

/// A socket for whoever tells its reactor of it.
// The reference is only read, and only on the reactor's thread.
private final class WeakSocket: @unchecked Sendable {
    private(set) weak var socket: Socket?

    init(_ socket: Socket) {
        self.socket = socket
    }
}

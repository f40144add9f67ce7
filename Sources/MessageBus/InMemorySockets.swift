internal import ZeroMQ

final class InMemoryRequestSocket: RequestSocket, InMemoryListener {
    let endpoint: BusEndpoint
    private(set) var unroutable = 0
    let malformed = 0
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)?
    private let network: InMemoryNetwork
    private let onRequest: (Peer, UnsafeRawBufferPointer) -> Void
    private var connections: [Peer: InMemoryRequestConnection] = [:]
    private var isClosed = false

    init(
        _ endpoint: BusEndpoint,
        _ network: InMemoryNetwork,
        _ onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) {
        self.endpoint = endpoint
        self.network = network
        self.onRequest = onRequest
    }

    func accept(_ connection: InMemoryRequestConnection) -> Peer {
        let number = network.connectionNumber()
        let peer = Peer(
            routingID: withUnsafeBytes(of: number.bigEndian) { [0] + Array($0.suffix(4)) },
            address: "127.0.0.1"
        )
        connections[peer] = connection
        return peer
    }

    func forget(_ peer: Peer) { connections[peer] = nil }

    func deliver(_ bytes: [UInt8], from peer: Peer) {
        guard !isClosed, connections[peer] != nil else { return }
        bytes.withUnsafeBytes { onRequest(peer, $0) }
    }

    func reply(to peer: Peer, _ bytes: UnsafeRawBufferPointer) -> Bool {
        network.reactor.checkIsolated()
        guard !isClosed, let connection = connections[peer] else {
            unroutable += 1
            return false
        }
        let copy = Array(bytes)
        network.post { connection.deliver(copy, to: peer) }
        return true
    }

    func close() {
        network.reactor.checkIsolated()
        isClosed = true
        connections = [:]
        network.close(self)
    }
}

final class InMemoryRequestConnection: RequestConnection, InMemoryClient {
    let endpoint: BusEndpoint
    private(set) var state = ConnectionState.disconnected(reason: "no answer from that address yet")
    private let network: InMemoryNetwork
    private let onReply: (UnsafeRawBufferPointer) -> Void
    private let onState: (ConnectionState) -> Void
    private var link: (socket: InMemoryRequestSocket, peer: Peer)?
    private var underWay = 0

    init(
        _ endpoint: BusEndpoint,
        _ network: InMemoryNetwork,
        _ onReply: @escaping (UnsafeRawBufferPointer) -> Void,
        _ onState: @escaping (ConnectionState) -> Void
    ) {
        self.endpoint = endpoint
        self.network = network
        self.onReply = onReply
        self.onState = onState
    }

    func attach(to listener: any InMemoryListener) {
        guard link == nil, let socket = listener as? InMemoryRequestSocket else { return }
        link = (socket, socket.accept(self))
        change(to: .connected)
    }

    func detach(reason: String) {
        if let link { link.socket.forget(link.peer) }
        link = nil
        change(to: .disconnected(reason: reason))
    }

    func deliver(_ bytes: [UInt8], to peer: Peer) {
        guard link?.peer == peer else { return }
        guard bytes.count <= BusLimits.longestMessage else { return network.reconnect(self) }
        bytes.withUnsafeBytes { onReply($0) }
    }

    func send(_ bytes: [UInt8]) -> Bool {
        network.reactor.checkIsolated()
        guard let link, underWay < BusLimits.requestMark else { return false }
        guard bytes.count <= BusLimits.longestRequest else {
            network.reconnect(self)
            return true
        }
        underWay += 1
        network.post {
            self.underWay -= 1
            link.socket.deliver(bytes, from: link.peer)
            if self.underWay == BusLimits.requestMark - 1 { self.onState(self.state) }
        }
        return true
    }

    func close() {
        network.reactor.checkIsolated()
        network.remove(self)
        if let link { link.socket.forget(link.peer) }
        link = nil
        state = .disconnected(reason: "closed")
    }

    private func change(to new: ConnectionState) {
        guard state != new else { return }
        state = new
        onState(new)
    }
}

final class InMemoryPublisherSocket: PublisherSocket, InMemoryListener {
    let endpoint: BusEndpoint
    let audience = Audience()
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)?
    private(set) var dropped = 0
    private let network: InMemoryNetwork
    private var subscribers: [InMemorySubscription] = [] {
        didSet { countAudience() }
    }

    init(_ endpoint: BusEndpoint, _ network: InMemoryNetwork) {
        self.endpoint = endpoint
        self.network = network
    }

    func accept(_ subscription: InMemorySubscription) { subscribers.append(subscription) }

    func forget(_ subscription: InMemorySubscription) {
        subscribers.removeAll { $0 === subscription }
    }

    func countAudience() {
        audience.note(isPresent: subscribers.contains { $0.hearsAnything })
    }

    /// Of the subscriber that has most: what goes to many is there once.
    var waitingByteCount: Int { subscribers.map(\.bytesUnderWay).max() ?? 0 }

    func hasSubscribers(to topic: String) -> Bool { subscribers.contains { $0.hears(topic) } }

    func publish(topic: String, payload: UnsafeRawBufferPointer) -> Bool {
        network.reactor.checkIsolated()
        let hearing = subscribers.filter { $0.hears(topic) }
        let free = hearing.filter { $0.hasRoom(for: payload.count) }
        if !free.isEmpty {
            let copy = Array(payload)
            for subscriber in free { subscriber.take(topic, copy, from: self) }
        }
        if free.count < hearing.count { dropped += 1 }
        return free.count == hearing.count
    }

    func close() {
        network.reactor.checkIsolated()
        subscribers = []
        network.close(self)
    }
}

final class InMemorySubscription: Subscription, InMemoryClient {
    let endpoint: BusEndpoint
    private(set) var state = ConnectionState.disconnected(reason: "no answer from that address yet")
    private(set) var malformed = 0
    private var underWay = 0
    private(set) var bytesUnderWay = 0
    private let network: InMemoryNetwork
    private var topics: Set<String> {
        didSet { publisher?.countAudience() }
    }
    private let onMessage: (String, UnsafeRawBufferPointer) -> Void
    private let onState: (ConnectionState) -> Void
    private var publisher: InMemoryPublisherSocket?

    init(
        _ endpoint: BusEndpoint,
        _ network: InMemoryNetwork,
        _ topics: [String],
        _ onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void,
        _ onState: @escaping (ConnectionState) -> Void
    ) {
        self.endpoint = endpoint
        self.network = network
        self.topics = Set(topics)
        self.onMessage = onMessage
        self.onState = onState
    }

    var hearsAnything: Bool { !topics.isEmpty }

    func hasRoom(for byteCount: Int) -> Bool {
        underWay < BusLimits.publishMark && bytesUnderWay + byteCount <= BusLimits.publishBytes
    }

    func hears(_ topic: String) -> Bool { topics.contains { topic.utf8.starts(with: $0.utf8) } }

    func attach(to listener: any InMemoryListener) {
        guard publisher == nil, let socket = listener as? InMemoryPublisherSocket else { return }
        publisher = socket
        socket.accept(self)
        change(to: .connected)
    }

    func detach(reason: String) {
        publisher?.forget(self)
        publisher = nil
        change(to: .disconnected(reason: reason))
    }

    func take(_ topic: String, _ bytes: [UInt8], from socket: InMemoryPublisherSocket) {
        underWay += 1
        bytesUnderWay += bytes.count
        network.post {
            self.underWay -= 1
            self.bytesUnderWay -= bytes.count
            guard self.publisher === socket else { return }
            guard topic.utf8.count <= BusLimits.longestTopic else {
                self.malformed += 1
                return
            }
            guard bytes.count <= BusLimits.longestMessage else {
                return self.network.reconnect(self)
            }
            bytes.withUnsafeBytes { self.onMessage(topic, $0) }
        }
    }

    func add(topic: String) {
        network.reactor.checkIsolated()
        topics.insert(topic)
    }

    func remove(topic: String) {
        network.reactor.checkIsolated()
        topics.remove(topic)
    }

    func close() {
        network.reactor.checkIsolated()
        network.remove(self)
        publisher?.forget(self)
        publisher = nil
        state = .disconnected(reason: "closed")
    }

    private func change(to new: ConnectionState) {
        guard state != new else { return }
        state = new
        onState(new)
    }
}

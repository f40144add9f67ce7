internal import MessagePack
internal import ZeroMQ

final class ZeroMQRequestSocket: RequestSocket {
    let endpoint: BusEndpoint
    private(set) var unroutable = 0
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)?
    private var wrongForm = 0
    private let socket: Socket

    var malformed: Int { wrongForm + socket.dropped }

    init(
        _ socket: Socket,
        _ endpoint: BusEndpoint,
        _ guardian: PeerGuard?,
        _ onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) throws(ZeroMQError) {
        self.socket = socket
        self.endpoint = endpoint
        let bound = PeerBound(
            bytes: BusLimits.waitingBytes,
            unreadBytes: BusLimits.unreadBytes,
            connections: BusLimits.mostConnections
        )
        try socket.limitPeers(bound) { [weak self] peer in
            self?.onRefusal?("connection ended", "\(peer)")
        }
        socket.onMessage = { message in
            guard message.count == 2 else {
                self.wrongForm += 1
                let address = message.property("Peer-Address") ?? "?"
                self.onRefusal?("malformed request", "from \(address): \(message.count - 1) parts")
                return
            }
            guard guardian?.admits(message, to: socket) ?? true else { return }
            let peer = Peer(
                routingID: Array(message[0]),
                address: message.property("Peer-Address"),
                user: message.property("User-Id"),
                descriptor: message.descriptor
            )
            onRequest(peer, message[1])
        }
    }

    func reply(to peer: Peer, _ bytes: UnsafeRawBufferPointer) -> Bool {
        note(peer.routingID.withUnsafeBytes { socket.send($0, bytes) }, bytes.count, to: peer)
    }

    func reply(to peer: Peer, _ bytes: consuming HeapBytes) -> Bool {
        let bytes = bytes.take()
        let outcome = peer.routingID.withUnsafeBytes { socket.send($0, adopting: bytes) }
        return note(outcome, bytes.count, to: peer)
    }

    private func note(_ outcome: SendOutcome, _ byteCount: Int, to peer: Peer) -> Bool {
        guard outcome == .sent else {
            unroutable += 1
            return false
        }
        socket.noteSent(byteCount, to: peer.descriptor)
        return true
    }

    func close() { socket.close() }
}

final class ZeroMQRequestConnection: RequestConnection {
    private let link: Link

    init(_ link: Link, _ onReply: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.link = link
        link.socket.onMessage = { message in
            // A reply has one part; others are nobody's, and the request runs out of time.
            if message.count == 1 { onReply(message[0]) }
        }
    }

    var endpoint: BusEndpoint { link.endpoint }
    var state: ConnectionState { link.state }

    func send(_ bytes: [UInt8]) -> Bool {
        guard link.state.isConnected else { return false }
        if link.socket.send(bytes) == .sent { return true }
        link.socket.wantsWritable = true
        return false
    }

    func close() { link.close() }
}

final class ZeroMQSubscription: Subscription {
    private(set) var malformed = 0
    private let link: Link
    private var topics: Set<String> = []

    init(
        _ link: Link,
        _ topics: [String],
        _ onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void
    ) {
        self.link = link
        for topic in topics { add(topic: topic) }
        link.socket.onMessage = { message in
            guard message.count == 2, message[0].count <= BusLimits.longestTopic,
                let topic = String(validating: message[0], as: UTF8.self)
            else {
                self.malformed += 1
                return
            }
            onMessage(topic, message[1])
        }
    }

    var endpoint: BusEndpoint { link.endpoint }
    var state: ConnectionState { link.state }

    func add(topic: String) {
        if topics.insert(topic).inserted { link.socket.subscribe(to: Array(topic.utf8)) }
    }

    func remove(topic: String) {
        if topics.remove(topic) != nil { link.socket.unsubscribe(from: Array(topic.utf8)) }
    }

    func close() { link.close() }
}

/// Which beginnings of topics somebody subscribes to.
struct SubscriptionTable {
    private var topics: [[UInt8]: Int] = [:]
    private var isComplete = true

    /// Whether nobody subscribes to anything.
    var isEmpty: Bool { isComplete && topics.isEmpty }

    mutating func add(_ topic: [UInt8]) {
        guard topics[topic] != nil || topics.count < BusLimits.mostSubscriptions else {
            isComplete = false
            return
        }
        topics[topic, default: 0] += 1
    }

    mutating func remove(_ topic: [UInt8]) {
        guard let count = topics[topic] else { return }
        topics[topic] = count > 1 ? count - 1 : nil
    }

    func covers(_ topic: String) -> Bool {
        if !isComplete { return true }
        if topics.isEmpty { return false }
        return topics.keys.contains { topic.utf8.starts(with: $0) }
    }
}

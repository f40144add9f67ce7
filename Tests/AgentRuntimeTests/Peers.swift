import MessageBus
import Synchronization
import ZeroMQ

@testable import AgentRuntime

extension AgentHost {
    /// Messages that were no requests.
    var malformedRequests: Int { server?.drops.total(of: "malformed request") ?? 0 }
}

/// Somebody who sends what nobody should.
actor HostilePeer {
    private let bus: any Bus
    private var connections: [any RequestConnection] = []
    private var waiting: CheckedContinuation<Void, Never>?
    private var isConnected = false

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    init(_ bus: any Bus) { self.bus = bus }

    /// Sends the messages in order over a connection of its own.
    func send(_ messages: [[UInt8]], to endpoint: BusEndpoint) async throws {
        let connection = try bus.connect(
            to: endpoint,
            onReply: { _ in },
            onState: { state in
                if state.isConnected { self.assumeIsolated { $0.connected() } }
            }
        )
        connections.append(connection)
        if !isConnected { await withCheckedContinuation { waiting = $0 } }
        for message in messages { _ = connection.send(message) }
    }

    private func connected() {
        isConnected = true
        waiting?.resume()
        waiting = nil
    }
}

/// A bus that counts what is handed to its publishers, by topic.
final class CountingBus: Bus {
    let reactor: Reactor
    private let bus: any Bus
    private let counts = Mutex<[String: Int]>([:])
    private let audiences = Mutex<[Audience]>([])
    private let drops = Atomic(0)

    /// How many published messages did not reach every subscriber.
    var dropped: Int { drops.load(ordering: .relaxed) }

    init(_ bus: any Bus) {
        self.bus = bus
        reactor = bus.reactor
    }

    /// How many messages with topics that begin so were published; after all that is under way.
    func published(_ beginning: String) async -> Int {
        await withCheckedContinuation { continuation in
            reactor.run { continuation.resume() }
        }
        return counts.withLock { counts in
            counts.filter { $0.key.hasPrefix(beginning) }.values.reduce(0, +)
        }
    }

    /// Whether anybody subscribes to anything at the agents, that is: not at the registry.
    var hasAudience: Bool {
        get async { audiences.withLock { $0.dropFirst().contains { $0.isPresent } } }
    }

    func bindRequests(
        _ binding: Binding,
        onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) throws(BusError) -> any RequestSocket {
        try bus.bindRequests(binding, onRequest: onRequest)
    }

    func bindPublisher(_ binding: Binding) throws(BusError) -> any PublisherSocket {
        let socket = try bus.bindPublisher(binding)
        let audience = socket.audience
        audiences.withLock { $0.append(audience) }
        return CountingPublisher(socket) { topic, isSent in
            self.counts.withLock { $0[topic, default: 0] += 1 }
            if !isSent { self.drops.add(1, ordering: .relaxed) }
        }
    }

    func connect(
        to endpoint: BusEndpoint,
        onReply: @escaping (UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any RequestConnection {
        try bus.connect(to: endpoint, onReply: onReply, onState: onState)
    }

    func subscribe(
        to endpoint: BusEndpoint,
        topics: [String],
        onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any Subscription {
        try bus.subscribe(to: endpoint, topics: topics, onMessage: onMessage, onState: onState)
    }
}

private final class CountingPublisher: PublisherSocket {
    private let socket: any PublisherSocket
    private let count: (String, _ isSent: Bool) -> Void

    init(_ socket: any PublisherSocket, _ count: @escaping (String, _ isSent: Bool) -> Void) {
        self.socket = socket
        self.count = count
    }

    var endpoint: BusEndpoint { socket.endpoint }
    var audience: Audience { socket.audience }
    var dropped: Int { socket.dropped }
    var waitingByteCount: Int { socket.waitingByteCount }
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)? {
        get { socket.onRefusal }
        set { socket.onRefusal = newValue }
    }
    func hasSubscribers(to topic: String) -> Bool { socket.hasSubscribers(to: topic) }

    func publish(topic: String, payload: UnsafeRawBufferPointer) -> Bool {
        let isSent = socket.publish(topic: topic, payload: payload)
        count(topic, isSent)
        return isSent
    }

    func close() { socket.close() }
}

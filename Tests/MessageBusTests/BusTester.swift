import MessageBus
import Testing
import ZeroMQ

/// A stage for both ends of a bus, on its reactor; waits for events, never for time.
actor BusTester {
    nonisolated let bus: any Bus
    var server: (any RequestSocket)?
    var publisher: (any PublisherSocket)?
    var connections: [any RequestConnection] = []
    var subscription: (any Subscription)?
    var requests: [[UInt8]] = []
    /// What the handshakes of those who sent requests proved.
    var users: [String] = []
    var replies: [[UInt8]] = []
    var states: [ConnectionState] = []
    var messages: [(topic: String, bytes: [UInt8])] = []
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ bus: any Bus) { self.bus = bus }

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    /// Suspends until an event has made `condition` true.
    func wait(_ condition: @Sendable (isolated BusTester) -> Bool) async {
        while !condition(self) {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func changed() {
        let resumed = waiting
        waiting = []
        for continuation in resumed { continuation.resume() }
    }

    /// Echoes what it hears.
    func serve(_ binding: Binding) throws -> BusEndpoint {
        let server = try bus.bindRequests(binding) { peer, bytes in
            let copy = Array(bytes)
            self.assumeIsolated {
                $0.requests.append(copy)
                if let user = peer.user { $0.users.append(user) }
                $0.server?.reply(to: peer, copy)
                $0.changed()
            }
        }
        self.server = server
        return server.endpoint
    }

    /// Serves at a port that another one may still be about to let go of.
    func serve(at endpoint: BusEndpoint) async throws {
        for _ in 0..<1_000_000 {
            do {
                let ports = endpoint.port...endpoint.port
                _ = try serve(Binding(host: endpoint.host, ports: ports))
                return
            } catch BusError.portTaken {
                await Task.yield()
            }
        }
        Issue.record("the port of a closed server was not free again")
    }

    /// Asks until there is a reply, as often as the connection is made.
    ///
    /// A server that is closed may take a connection, and a request, in its last moment: both are
    /// lost, and the state tells it.
    func ask(_ bytes: [UInt8]) async {
        while replies.isEmpty {
            await wait { $0.states.last == .connected }
            let heard = states.count
            _ = send(bytes)
            await wait { !$0.replies.isEmpty || $0.states.count > heard }
        }
    }

    func closeServer() {
        server?.close()
        server = nil
    }

    func connect(to endpoint: BusEndpoint) throws {
        let connection = try bus.connect(
            to: endpoint,
            onReply: { bytes in
                let copy = Array(bytes)
                self.assumeIsolated {
                    $0.replies.append(copy)
                    $0.changed()
                }
            },
            onState: { state in
                self.assumeIsolated {
                    $0.states.append(state)
                    $0.changed()
                }
            }
        )
        connections.append(connection)
    }

    func send(_ bytes: [UInt8], over index: Int = 0) -> Bool { connections[index].send(bytes) }

    func publish(at binding: Binding) throws -> BusEndpoint {
        let publisher = try bus.bindPublisher(binding)
        self.publisher = publisher
        return publisher.endpoint
    }

    func subscribe(to endpoint: BusEndpoint, topics: [String]) throws {
        subscription = try bus.subscribe(to: endpoint, topics: topics) { topic, bytes in
            let copy = Array(bytes)
            self.assumeIsolated {
                $0.messages.append((topic, copy))
                $0.changed()
            }
        }
    }

    func perform<Result: Sendable>(
        _ body: @Sendable (isolated BusTester) throws -> Result
    ) rethrows -> Result {
        try body(self)
    }
}

/// Which bus a contract is tested over.
enum Carrier: String, CaseIterable, Sendable {
    case zeroMQ, memory

    func makeBus() throws -> any Bus {
        switch self {
        case .zeroMQ: try ZeroMQBus()
        case .memory: try InMemoryBus()
        }
    }
}

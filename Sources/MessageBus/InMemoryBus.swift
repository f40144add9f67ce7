internal import Synchronization
public import ZeroMQ

/// The bus without sockets, for tests: the same reactor, the same order of events, no bytes on a
/// network.
///
/// One bus is one network: whoever shall meet shares it. Addresses are taken as they are, all
/// ports are this bus's own.
public final class InMemoryBus: Bus {
    /// The thread that owns all sockets of the bus.
    public let reactor: Reactor
    // Touched on the reactor only: every method that reaches it checks that.
    private nonisolated(unsafe) let network: InMemoryNetwork

    /// Starts the thread; `reactor.shutdown()` ends it.
    ///
    /// - Throws: ``BusError/failed(_:)``.
    public init() throws(BusError) {
        do {
            reactor = try Reactor()
        } catch {
            throw BusError(error)
        }
        network = InMemoryNetwork(reactor)
    }

    /// Listens for requests; see ``Bus``.
    public func bindRequests(
        _ binding: Binding,
        onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) throws(BusError) -> any RequestSocket {
        reactor.checkIsolated()
        let endpoint = try network.freeEndpoint(binding)
        let socket = InMemoryRequestSocket(endpoint, network, onRequest)
        network.open(socket)
        return socket
    }

    /// Listens for subscribers; see ``Bus``.
    public func bindPublisher(_ binding: Binding) throws(BusError) -> any PublisherSocket {
        reactor.checkIsolated()
        let endpoint = try network.freeEndpoint(binding)
        let socket = InMemoryPublisherSocket(endpoint, network)
        network.open(socket)
        return socket
    }

    /// Connects to a socket of requests; see ``Bus``.
    public func connect(
        to endpoint: BusEndpoint,
        onReply: @escaping (UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any RequestConnection {
        reactor.checkIsolated()
        let connection = InMemoryRequestConnection(endpoint, network, onReply, onState)
        network.add(connection)
        return connection
    }

    /// Subscribes to a publisher; see ``Bus``.
    public func subscribe(
        to endpoint: BusEndpoint,
        topics: [String],
        onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any Subscription {
        reactor.checkIsolated()
        let subscription = InMemorySubscription(endpoint, network, topics, onMessage, onState)
        network.add(subscription)
        return subscription
    }
}

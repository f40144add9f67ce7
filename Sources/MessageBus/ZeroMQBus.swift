internal import Telemetry
public import ZeroMQ

/// The bus over TCP: one reactor thread, one context of the library.
///
/// With keys, all its sockets encrypt and prove who they are, on loopback too, and who is not
/// admitted stays out. Without, it listens and connects on loopback only: off it sockets are
/// refused with ``BusError/unprotected(host:)`` and ``BusError/unprotectedWay(to:)``.
public final class ZeroMQBus: Bus {
    /// The thread that owns all sockets of the bus.
    public let reactor: Reactor
    private let context: Context
    // Touched on the reactor only: every method that reaches it checks that.
    private nonisolated(unsafe) let guardian: PeerGuard?

    /// Starts the threads; `reactor.shutdown()` ends them.
    ///
    /// - Throws: ``BusError/failed(_:)``.
    public init(keys: BusKeys? = nil) throws(BusError) {
        guardian = keys.map { PeerGuard($0) }
        do throws(ZeroMQError) {
            context = try Context()
            reactor = try Reactor(context: context)
        } catch {
            throw BusError(error)
        }
    }

    /// Peers that were not let in; see ``Bus``.
    public var strangerCount: Int {
        reactor.checkIsolated()
        return guardian?.strangerCount ?? 0
    }

    /// Ends the connections of peers that would not be let in now; see ``Bus``.
    public func expelStrangers() {
        reactor.checkIsolated()
        guardian?.expelStrangers()
    }

    /// Listens for requests; see ``Bus``.
    public func bindRequests(
        _ binding: Binding,
        onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) throws(BusError) -> any RequestSocket {
        var options = SocketOptions()
        options.longestMessage = BusLimits.longestRequest
        options.sendMark = BusLimits.requestMark
        options.receiveMark = BusLimits.requestMark
        let (socket, endpoint) = try bind(.router, binding, options)
        do throws(ZeroMQError) {
            return try ZeroMQRequestSocket(socket, endpoint, guardian, onRequest)
        } catch {
            socket.close()
            throw BusError(error)
        }
    }

    /// Listens for subscribers; see ``Bus``.
    public func bindPublisher(_ binding: Binding) throws(BusError) -> any PublisherSocket {
        let (socket, endpoint) = try bindPublisher(binding, mark: BusLimits.publishMark)
        return ZeroMQPublisherSocket(socket, endpoint, guardian) {
            (mark, endpoint) throws(BusError) in
            let ports = endpoint.port...endpoint.port
            let again = Binding(host: binding.host, ports: ports)
            return try self.bindPublisher(again, mark: mark).0
        }
    }

    private func bindPublisher(
        _ binding: Binding,
        mark: Int
    ) throws(BusError) -> (Socket, BusEndpoint) {
        var options = SocketOptions()
        options.longestMessage = BusLimits.longestTopic + 1
        options.sendMark = mark
        return try bind(.publisher, binding, options)
    }

    /// Connects to a socket of requests; see ``Bus``.
    public func connect(
        to endpoint: BusEndpoint,
        onReply: @escaping (UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any RequestConnection {
        var options = SocketOptions()
        options.longestMessage = BusLimits.longestMessage
        options.sendMark = BusLimits.requestMark
        options.receiveMark = BusLimits.requestMark
        options.establishedOnly = true
        let link = try makeLink(.dealer, endpoint, options, onState)
        return ZeroMQRequestConnection(link, onReply)
    }

    /// Subscribes to a publisher; see ``Bus``.
    public func subscribe(
        to endpoint: BusEndpoint,
        topics: [String],
        onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any Subscription {
        var options = SocketOptions()
        options.longestMessage = BusLimits.longestMessage
        options.receiveMark = BusLimits.publishMark
        let link = try makeLink(.subscriber, endpoint, options, onState)
        return ZeroMQSubscription(link, topics, onMessage)
    }

    private func bind(
        _ kind: SocketKind,
        _ binding: Binding,
        _ options: SocketOptions
    ) throws(BusError) -> (Socket, BusEndpoint) {
        guard guardian != nil || binding.isLoopback else {
            throw .unprotected(host: binding.host)
        }
        var options = options
        if let guardian { options.curve = .server(guardian.keys.own) }
        do throws(ZeroMQError) {
            try guardian?.open(context, reactor)
            let socket = try Socket(kind, context: context, reactor: reactor, options: options)
            do throws(ZeroMQError) {
                try guardian?.follow(socket)
                let text = try socket.bind(
                    host: binding.host,
                    ports: binding.ports,
                    preferred: binding.preferred
                )
                let key = guardian?.keys.own.publicKey
                guard let endpoint = BusEndpoint(text, key: key) else {
                    throw ZeroMQError.badAddress(text, reason: "it is no endpoint")
                }
                return (socket, endpoint)
            } catch {
                socket.close()
                throw error
            }
        } catch {
            throw BusError(error)
        }
    }

    private func makeLink(
        _ kind: SocketKind,
        _ endpoint: BusEndpoint,
        _ options: SocketOptions,
        _ onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> Link {
        var options = options
        if let guardian {
            guard let server = endpoint.key else { throw .keyUnknown(of: endpoint) }
            options.curve = .client(guardian.keys.own, server: server)
        } else if !endpoint.isLoopback {
            throw .unprotectedWay(to: endpoint)
        }
        do throws(ZeroMQError) {
            let socket = try Socket(kind, context: context, reactor: reactor, options: options)
            do throws(ZeroMQError) {
                return try Link(socket, endpoint, sends: kind == .dealer, onState)
            } catch {
                socket.close()
                throw error
            }
        } catch {
            throw BusError(error)
        }
    }
}

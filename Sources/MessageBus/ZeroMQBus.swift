internal import Telemetry
public import ZeroMQ

/// The bus over TCP: one reactor thread, one context of the library.
///
/// Sockets listen on loopback only: off it they need keys, without which they are refused with
/// ``BusError/unprotected(host:)``.
public final class ZeroMQBus: Bus {
    /// The thread that owns all sockets of the bus.
    public let reactor: Reactor
    private let context: Context

    /// Starts the threads; `reactor.shutdown()` ends them.
    ///
    /// - Throws: ``BusError/failed(_:)``.
    public init() throws(BusError) {
        do throws(ZeroMQError) {
            context = try Context()
            reactor = try Reactor(context: context)
        } catch {
            throw BusError(error)
        }
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
            return try ZeroMQRequestSocket(socket, endpoint, onRequest)
        } catch {
            socket.close()
            throw BusError(error)
        }
    }

    /// Listens for subscribers; see ``Bus``.
    public func bindPublisher(_ binding: Binding) throws(BusError) -> any PublisherSocket {
        let (socket, endpoint) = try bindPublisher(binding, mark: BusLimits.publishMark)
        return ZeroMQPublisherSocket(socket, endpoint) { (mark, endpoint) throws(BusError) in
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
        guard binding.isLoopback else { throw .unprotected(host: binding.host) }
        do throws(ZeroMQError) {
            let socket = try Socket(kind, context: context, reactor: reactor, options: options)
            do throws(ZeroMQError) {
                let text = try socket.bind(
                    host: binding.host,
                    ports: binding.ports,
                    preferred: binding.preferred
                )
                guard let endpoint = BusEndpoint(text) else {
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

public import MessagePack
internal import Synchronization
public import ZeroMQ

/// What carries requests, replies and published messages; over ZeroMQ, or in memory.
///
/// The methods and all that they return are used on ``reactor`` only, and trap elsewhere; handlers
/// are called there. A handler that belongs to an actor of the reactor enters it by
/// `assumeIsolated`. What a handler is given as bytes is valid during the call only. What is
/// returned stays open, and its handlers are kept, until it is closed or the reactor ends.
public protocol Bus: AnyObject, Sendable {
    /// The thread that owns the sockets. Its `shutdown()` closes them.
    var reactor: Reactor { get }

    /// Peers that were not let in, or that did not know how to ask for it.
    var strangerCount: Int { get }

    /// Ends the connections of peers that would not be let in now; called when that may have
    /// changed.
    func expelStrangers()

    /// Listens for requests.
    func bindRequests(
        _ binding: Binding,
        onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) throws(BusError) -> any RequestSocket

    /// Listens for subscribers.
    func bindPublisher(_ binding: Binding) throws(BusError) -> any PublisherSocket

    /// Connects to a socket of requests, and again whenever the connection is lost.
    ///
    /// `onState` hears `connected` at least once for each connection, and once more when a send
    /// that was refused would be accepted.
    func connect(
        to endpoint: BusEndpoint,
        onReply: @escaping (UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any RequestConnection

    /// Subscribes to all topics that begin with one of `topics`, and again whenever the connection
    /// is lost; what is published meanwhile is missed.
    func subscribe(
        to endpoint: BusEndpoint,
        topics: [String],
        onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any Subscription
}

extension Bus {
    /// None: nobody is kept out.
    public var strangerCount: Int { 0 }

    /// Nobody is kept out.
    public func expelStrangers() {}

    /// Subscribes without hearing of the connection.
    public func subscribe(
        to endpoint: BusEndpoint,
        topics: [String],
        onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void
    ) throws(BusError) -> any Subscription {
        try subscribe(to: endpoint, topics: topics, onMessage: onMessage, onState: { _ in })
    }
}

/// A socket that hears requests and answers them.
public protocol RequestSocket: AnyObject {
    /// Where it listens.
    var endpoint: BusEndpoint { get }
    /// Replies that reached nobody: their peer was gone, or its queue was full.
    var unroutable: Int { get }
    /// Messages that were no requests in form: they had not one part, or too many bytes.
    var malformed: Int { get }
    /// Called with each message that had not one part, and each connection that was ended, since it
    /// kept more waiting than it may: a constant reason, and who it was.
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)? { get set }
    /// Sends a reply; false, and counted, where the peer is gone or its queue is full.
    @discardableResult
    func reply(to peer: Peer, _ bytes: UnsafeRawBufferPointer) -> Bool
    /// Sends a reply without a copy of it.
    @discardableResult
    func reply(to peer: Peer, _ bytes: consuming HeapBytes) -> Bool
    /// Listens no more.
    func close()
}

extension RequestSocket {
    /// Sends a reply, with a copy of it.
    @discardableResult
    public func reply(to peer: Peer, _ bytes: consuming HeapBytes) -> Bool {
        bytes.withBytes { reply(to: peer, $0) }
    }

    /// Sends a reply; false, and counted, where the peer is gone or its queue is full.
    @discardableResult
    public func reply(to peer: Peer, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { reply(to: peer, $0) }
    }
}

/// A socket that publishes.
public protocol PublisherSocket: AnyObject {
    /// Where it listens.
    var endpoint: BusEndpoint { get }
    /// Messages that at least one subscriber had no room for, as far as it shows: ZeroMQ tells of
    /// the first one only, and passes a full subscriber over until it has read half of its queue.
    var dropped: Int { get }
    /// Bytes of published messages that wait for subscribers; what goes to many waits once.
    var waitingByteCount: Int { get }
    /// Whether anybody subscribes to anything; also for other threads than the reactor's.
    var audience: Audience { get }
    /// Called with each connection that was ended, since it subscribed to more than it may.
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)? { get set }
    /// Whether anybody subscribes to `topic` itself or to a beginning of it.
    func hasSubscribers(to topic: String) -> Bool
    /// Sends to all who subscribe and never waits; false, and counted, where one had no room.
    @discardableResult
    func publish(topic: String, payload: UnsafeRawBufferPointer) -> Bool
    /// Listens no more.
    func close()
}

extension PublisherSocket {
    /// Sends to all who subscribe and never waits; false, and counted, where one had no room.
    @discardableResult
    public func publish(topic: String, payload: [UInt8]) -> Bool {
        payload.withUnsafeBytes { publish(topic: topic, payload: $0) }
    }
}

/// Whether anybody listens to a publisher, for whoever would hand it something from another thread.
///
/// It follows subscriptions as the reactor hears of them: what is published in the moment before is
/// missed, as all that was published before a subscription.
public final class Audience: Sendable {
    private let presence = Atomic(false)

    /// Nobody is there yet.
    public init() {}

    /// Whether anybody is there; may be asked on any thread.
    public var isPresent: Bool { presence.load(ordering: .relaxed) }

    func note(isPresent: Bool) { presence.store(isPresent, ordering: .relaxed) }
}

/// A connection to a socket of requests.
public protocol RequestConnection: AnyObject {
    /// Where it leads.
    var endpoint: BusEndpoint { get }
    /// Whether it is established.
    var state: ConnectionState { get }
    /// Sends a request; false where no connection is established or its queue is full: nothing
    /// was sent, and `onState` tells when to try again.
    func send(_ bytes: [UInt8]) -> Bool
    /// Ends the connection.
    func close()
}

/// A connection to a publisher.
public protocol Subscription: AnyObject {
    /// Where it leads.
    var endpoint: BusEndpoint { get }
    /// Whether it is established.
    var state: ConnectionState { get }
    /// Messages that were dropped because they had not two parts, or no topic.
    var malformed: Int { get }
    /// Hears topics that begin with `topic` too.
    func add(topic: String)
    /// Hears them no more.
    func remove(topic: String)
    /// Ends the connection.
    func close()
}

/// Whether messages can flow.
public enum ConnectionState: Hashable, Sendable {
    /// Both ends have introduced themselves.
    case connected
    /// Not now; it is tried again for as long as the connection is not closed.
    case disconnected(reason: String)

    /// Whether messages can flow.
    public var isConnected: Bool { self == .connected }
}

/// Who sent a request: what a reply is sent to.
public struct Peer: Hashable, Sendable {
    /// What the socket calls the connection; means nothing elsewhere.
    public let routingID: [UInt8]
    /// The address of the peer's host, nil where it is not known.
    public let address: String?
    /// What the handshake proved about the peer, nil without one.
    public let user: String?
    /// The connection as the kernel calls it, -1 where there is none.
    let descriptor: Int32

    /// A peer.
    public init(
        routingID: [UInt8],
        address: String? = nil,
        user: String? = nil,
        descriptor: Int32 = -1
    ) {
        self.routingID = routingID
        self.address = address
        self.user = user
        self.descriptor = descriptor
    }

    /// Whether it is the same connection; the rest follows from that.
    public static func == (left: Peer, right: Peer) -> Bool { left.routingID == right.routingID }

    /// Hashes the routing id.
    public func hash(into hasher: inout Hasher) { hasher.combine(routingID) }
}

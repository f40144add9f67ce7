internal import CZeroMQ

/// How a socket is set up before it is bound or connected.
public struct SocketOptions: Sendable {
    /// Messages that wait for each peer, to be sent and to be read; more are refused or dropped.
    public var sendMark = 1_000
    /// Messages that wait to be read, for each peer; then the peer's own queue fills.
    public var receiveMark = 1_000
    /// The longest part of a message that is read, in bytes; a longer one ends the connection.
    public var longestMessage = 1 << 20
    /// How long a closed socket goes on sending what it holds.
    public var linger: Duration = .milliseconds(500)
    /// After which silence of the peer's machine a connection is given up.
    public var silence: Duration = .seconds(6)
    /// How long a peer may take until it has introduced itself.
    public var handshakeTimeout: Duration = .seconds(2)
    /// How long after a failed attempt the next one comes, at first and at most.
    public var reconnect: ClosedRange<Duration> = .milliseconds(50)...(.seconds(1))
    /// Whether messages wait only for connections that are established.
    public var establishedOnly = false
    /// Keys that encrypt the connections; nil for none.
    public var curve: CurveKeys?

    /// The options that hold unless told otherwise.
    public init() {}

    func apply(to socket: Socket, _ kind: SocketKind) {
        socket.set(ZMQ_LINGER, linger.wholeMilliseconds)
        socket.set(ZMQ_SNDHWM, Int32(sendMark))
        socket.set(ZMQ_RCVHWM, Int32(receiveMark))
        guard kind != .pair, kind != .reply else { return }
        socket.set(ZMQ_MAXMSGSIZE, Int64(longestMessage))
        socket.set(ZMQ_HANDSHAKE_IVL, handshakeTimeout.wholeMilliseconds)
        socket.set(ZMQ_RECONNECT_IVL, reconnect.lowerBound.wholeMilliseconds)
        socket.set(ZMQ_RECONNECT_IVL_MAX, reconnect.upperBound.wholeMilliseconds)
        // Of a machine that is gone the kernel tells: three questions within the time of silence.
        // The library's own heartbeats stay off: one that is due on a connection which ended while
        // nothing could be read of it ends the process (libzmq 4.3, an assertion of `out_event`).
        let third = Int32(clamping: max(1, silence.components.seconds / 3))
        socket.set(ZMQ_TCP_KEEPALIVE, 1 as Int32)
        socket.set(ZMQ_TCP_KEEPALIVE_IDLE, third)
        socket.set(ZMQ_TCP_KEEPALIVE_INTVL, third)
        socket.set(ZMQ_TCP_KEEPALIVE_CNT, 2 as Int32)
        socket.set(ZMQ_TCP_MAXRT, silence.wholeMilliseconds)
        switch kind {
        case .router:
            // Without it a reply to a peer that is gone vanishes and nobody counts it.
            socket.set(ZMQ_ROUTER_MANDATORY, 1 as Int32)
        case .dealer:
            socket.set(ZMQ_IMMEDIATE, Int32(establishedOnly ? 1 : 0))
        case .publisher, .subscriber, .pair, .reply: break
        }
        curve?.apply(to: socket)
    }
}

/// ZMQ_ZAP_ENFORCE_DOMAIN, which the library has and the header names only for drafts.
private let enforceDomain: Int32 = 93

/// The keys of a socket.
public enum CurveKeys: Sendable {
    /// Of a socket that is bound: it proves who it is, encrypts, and asks the ZAP handler of its
    /// context about each peer; without a handler nobody gets in.
    case server(KeyPair)
    /// Of a socket that connects: it accepts only who has the key `server`.
    case client(KeyPair, server: PublicKey)

    /// What the ZAP handler is told; the library asks it only where there is a domain.
    static let domain = "cerro"

    fileprivate func apply(to socket: Socket) {
        switch self {
        case .server(let own):
            socket.set(ZMQ_CURVE_SERVER, 1 as Int32)
            socket.set(ZMQ_CURVE_SECRETKEY, own.secretBytes)
            socket.set(ZMQ_ZAP_DOMAIN, Array(Self.domain.utf8))
            // Without it a missing handler would let everybody in.
            socket.set(enforceDomain, 1 as Int32)
        case .client(let own, let server):
            socket.set(ZMQ_CURVE_SERVERKEY, server.bytes)
            socket.set(ZMQ_CURVE_PUBLICKEY, own.publicKey.bytes)
            socket.set(ZMQ_CURVE_SECRETKEY, own.secretBytes)
        }
    }
}

extension Socket {
    /// Hears messages whose first bytes are `topic`; of a subscriber.
    public func subscribe(to topic: [UInt8]) {
        reactor.checkIsolated()
        if !isClosed { set(ZMQ_SUBSCRIBE, topic) }
    }

    /// Ends one subscription to `topic`; of a subscriber, and only to what it subscribed to.
    public func unsubscribe(from topic: [UInt8]) {
        reactor.checkIsolated()
        if !isClosed { set(ZMQ_UNSUBSCRIBE, topic) }
    }

    /// Whether a publisher refuses a message that a slow peer has no room for, instead of
    /// leaving that peer out.
    public func refuseWhenFull(_ isRefusing: Bool) {
        reactor.checkIsolated()
        if !isClosed { set(ZMQ_XPUB_NODROP, Int32(isRefusing ? 1 : 0)) }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        return Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }
}

internal import CZeroMQ

/// What happens to a connection of a socket.
public enum MonitorEvent: Hashable, Sendable {
    /// Both ends have introduced themselves: messages flow.
    case connected(endpoint: String)
    /// A peer has called; it has not introduced itself yet.
    case accepted(endpoint: String)
    /// An established connection is over.
    case disconnected(endpoint: String)
    /// No peer listens at the endpoint; the library tries again by itself.
    case retrying(endpoint: String)
    /// The peer speaks another protocol or went away during the handshake.
    case handshakeFailed(endpoint: String)
    /// The peer does not let us in; the library does not try again.
    case refused(endpoint: String)
    /// A bound socket listens no more: its port is free.
    case unbound(endpoint: String)

    static let mask =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED
        | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        | ZMQ_EVENT_CLOSED

    /// Reads the two frames of the library: number and value in six bytes, then the endpoint.
    init?(_ message: Message) {
        guard message.count == 2, message[0].count == 6 else { return nil }
        let number = Int32(message[0].loadUnaligned(as: UInt16.self))
        let endpoint = String(decoding: message[1], as: UTF8.self)
        switch number {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: self = .connected(endpoint: endpoint)
        case ZMQ_EVENT_ACCEPTED: self = .accepted(endpoint: endpoint)
        case ZMQ_EVENT_DISCONNECTED: self = .disconnected(endpoint: endpoint)
        case ZMQ_EVENT_CONNECT_RETRIED: self = .retrying(endpoint: endpoint)
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: self = .refused(endpoint: endpoint)
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self = .handshakeFailed(endpoint: endpoint)
        case ZMQ_EVENT_CLOSED: self = .unbound(endpoint: endpoint)
        default: return nil
        }
    }
}

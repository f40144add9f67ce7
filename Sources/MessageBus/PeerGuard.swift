internal import Logging
internal import ZeroMQ

/// Knows who is connected to the sockets of one bus, and ends the connections of those who may not
/// be any more; used on the reactor only.
///
/// The library keeps out whom the gatekeeper refuses, but it has no way to end one connection of a
/// socket. It does tell the descriptor of the connection that a message came by, so that one is
/// shut down as if the network had ended it. A peer that never says anything is not known by its
/// descriptor; with its first request or subscription it is.
final class PeerGuard {
    let keys: BusKeys
    private var gatekeeper: Gatekeeper?
    private var strangers: StrangerLog
    /// Where connections came from, by descriptor.
    private var addresses: [Int32: String] = [:]
    /// The key of who said something, by descriptor, and the socket that heard it.
    private var users: [Int32: (key: PublicKey, socket: Socket)] = [:]
    private var hasFailed = false

    init(_ keys: BusKeys) {
        self.keys = keys
        strangers = StrangerLog(logger: keys.logger, time: keys.time)
    }

    var strangerCount: Int { strangers.total }

    /// Has the gatekeeper there before the first socket is bound.
    func open(_ context: Context, _ reactor: Reactor) throws(ZeroMQError) {
        guard gatekeeper == nil else { return }
        // The sockets keep this by their handlers, until the reactor closes them.
        gatekeeper = try Gatekeeper(context: context, reactor: reactor) { key, address in
            if self.keys.admits(key) { return true }
            self.strangers.count(address, key: key.description, "the key is unknown, or revoked")
            return false
        }
    }

    /// Follows the connections of a socket that is about to be bound.
    func follow(_ socket: Socket) throws(ZeroMQError) {
        try socket.monitor { [unowned socket] event in
            switch event {
            case .accepted(_, let descriptor):
                self.addresses[descriptor] = socket.connection(descriptor)?.host
            case .handshakeFailed: self.hasFailed = true
            case .disconnected(_, let descriptor):
                let address = self.addresses.removeValue(forKey: descriptor)
                self.users[descriptor] = nil
                // The library tells of a failure right before it tells of its end.
                if self.hasFailed {
                    self.strangers.count(address, key: nil, "it has no key, or not our server's")
                }
                self.hasFailed = false
            case .connected, .retrying, .refused, .unbound: break
            }
        }
    }

    /// Whether who sent the message to `socket` may still be there; if not, the connection ends.
    func admits(_ message: Message, to socket: Socket) -> Bool {
        let key = message.property("User-Id").flatMap { PublicKey($0) }
        let descriptor = message.descriptor
        if let key, keys.admits(key) {
            if descriptor >= 0 { users[descriptor] = (key, socket) }
            return true
        }
        strangers.count(
            message.property("Peer-Address"),
            key: key?.description,
            "the key was revoked"
        )
        socket.connection(descriptor)?.end()
        return false
    }

    /// Ends the connections of those who would not get in now.
    func expelStrangers() {
        let expelled = users.filter { !keys.admits($0.value.key) }
        for (descriptor, user) in expelled {
            users[descriptor] = nil
            strangers.count(
                addresses[descriptor],
                key: user.key.description,
                "the key was revoked"
            )
            user.socket.connection(descriptor)?.end()
        }
        for key in Set(expelled.values.map(\.key)) {
            keys.logger.notice(
                "a key is revoked, its connections end",
                metadata: [
                    "key": "\(key)", "connections": "\(expelled.count { $0.value.key == key })",
                ]
            )
        }
    }
}

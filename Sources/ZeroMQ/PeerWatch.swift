/// What the peers of a bound socket may keep in its memory, and how many there may be.
public struct PeerBound: Sendable {
    /// Bytes that all peers together may have sent and nobody has taken; beyond, the connections
    /// that hold most of them end.
    public var bytes: Int
    /// Connections at once; the newest ones beyond end.
    public var connections: Int

    /// A bound.
    public init(bytes: Int, connections: Int) {
        self.bytes = bytes
        self.connections = connections
    }
}

/// A connection that was ended, since it was beyond a ``PeerBound``.
public struct CutPeer: Hashable, Sendable, CustomStringConvertible {
    /// The address and port of the peer.
    public let address: String
    /// How many bytes of it nobody had taken; nil where there were too many connections.
    public let waitingBytes: Int?

    /// Who it was, and why.
    public var description: String {
        guard let waitingBytes else { return "\(address): one connection too many" }
        return "\(address): \(waitingBytes) bytes of it wait, which nobody can take yet"
    }
}

/// Ends connections of a bound socket that are beyond its ``PeerBound``.
///
/// The library bounds the messages that wait and the bytes of one part. It bounds neither the
/// parts of one message, none of which is seen before the last, nor the subscriptions of a peer.
/// So the kernel is asked how much came on each connection: what was not delivered meanwhile
/// waits. A trickle is never counted: it is heartbeats.
final class PeerWatch {
    private struct Peer {
        let address: String
        let number: Int
        var received = 0
        var waiting = 0
    }

    private unowned let socket: Socket
    private let bound: PeerBound
    private let onCut: (CutPeer) -> Void
    private var connections: [Int32: Peer] = [:]
    private var delivered: [Int32: Int] = [:]
    private var number = 0
    private var isTicking = false
    /// Ticks that follow soon, since somebody is new or busy.
    private var hurried = 0

    init(_ socket: Socket, _ bound: PeerBound, onCut: @escaping (CutPeer) -> Void) {
        self.socket = socket
        self.bound = bound
        self.onCut = onCut
    }

    /// Somebody has called; the kernel calls the connection `descriptor`.
    func accepted(_ descriptor: Int32) {
        guard let address = socket.connection(descriptor)?.peer else { return }
        number += 1
        connections[descriptor] = Peer(address: address, number: number)
        delivered[descriptor] = nil
        hurried = ZeroMQLimits.hurriedLooks
        guard !isTicking else { return }
        isTicking = true
        wait()
    }

    /// So many bytes of a peer were handed on.
    func delivered(_ byteCount: Int, from descriptor: Int32) {
        delivered[descriptor, default: 0] += byteCount
    }

    private func wait() {
        let pause = hurried > 0 ? ZeroMQLimits.hurriedLook : ZeroMQLimits.look
        socket.reactor.run(after: pause) { [weak self] in
            guard let self, !self.socket.isClosed else { return }
            self.look(since: pause)
        }
    }

    private func look(since pause: Duration) {
        hurried -= 1
        let trickle = max(1, Int(pause / .seconds(1) * Double(ZeroMQLimits.trickle)))
        for (descriptor, connection) in connections {
            guard let tcp = socket.connection(descriptor), tcp.peer == connection.address
            else {
                connections[descriptor] = nil
                continue
            }
            let received = tcp.receivedBytes ?? connection.received
            let came = received - connection.received
            let taken = (delivered[descriptor] ?? 0) + trickle
            connections[descriptor]?.received = received
            connections[descriptor]?.waiting = max(0, connection.waiting + came - taken)
            if came > ZeroMQLimits.busyBytes { hurried = ZeroMQLimits.hurriedLooks }
        }
        delivered.removeAll(keepingCapacity: true)
        cutBeyondBound()
        guard !connections.isEmpty else {
            isTicking = false
            return
        }
        wait()
    }

    private func cutBeyondBound() {
        var waiting = connections.values.reduce(0) { $0 + $1.waiting }
        let byWaiting = connections.sorted { $0.value.waiting > $1.value.waiting }
        for (descriptor, connection) in byWaiting {
            guard waiting > bound.bytes else { break }
            waiting -= connection.waiting
            cut(descriptor, connection, connection.waiting)
        }
        guard connections.count > bound.connections else { return }
        let newest = connections.sorted { $0.value.number > $1.value.number }
        for (descriptor, connection) in newest.prefix(connections.count - bound.connections) {
            cut(descriptor, connection, nil)
        }
    }

    private func cut(_ descriptor: Int32, _ connection: Peer, _ waiting: Int?) {
        connections[descriptor] = nil
        socket.connection(descriptor)?.end()
        onCut(CutPeer(address: connection.address, waitingBytes: waiting))
    }
}

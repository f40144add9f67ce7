internal import Glibc
internal import Synchronization

/// What the peers of a bound socket may keep in its memory, and how many there may be.
public struct PeerBound: Sendable {
    /// Bytes that all peers together may have sent and nobody has taken; beyond, the connections
    /// that hold most of them end.
    public var bytes: Int
    /// Bytes that all peers together may have been sent and have not read; beyond, the connections
    /// that hold most of them end.
    public var unreadBytes: Int
    /// Connections at once; the newest ones beyond end.
    public var connections: Int

    /// A bound; where it says nothing of what peers do not read, that has none.
    public init(bytes: Int, unreadBytes: Int = .max, connections: Int) {
        self.bytes = bytes
        self.unreadBytes = unreadBytes
        self.connections = connections
    }
}

/// A connection that was ended, since it was beyond a ``PeerBound``.
public struct CutPeer: Hashable, Sendable, CustomStringConvertible {
    /// Why a connection was ended.
    public enum Reason: Hashable, Sendable {
        /// So many bytes of it wait, which nobody can take yet.
        case waiting(Int)
        /// So many bytes wait for it, which it does not read.
        case unread(Int)
        /// There were too many connections.
        case oneTooMany
    }

    /// The address and port of the peer.
    public let address: String
    /// Why it was ended.
    public let reason: Reason

    /// Who it was, and why.
    public var description: String {
        switch reason {
        case .waiting(let count):
            "\(address): \(count) bytes of it wait, which nobody can take yet"
        case .unread(let count): "\(address): \(count) bytes wait for it, which it does not read"
        case .oneTooMany: "\(address): one connection too many"
        }
    }
}

/// Ends connections of a bound socket that are beyond its ``PeerBound``.
///
/// The library bounds the messages that wait and the bytes of one part. It bounds neither the
/// parts of one message, none of which is seen before the last, nor the subscriptions of a peer.
/// So the kernel is asked how much came on each connection: what was not delivered meanwhile
/// waits. A trickle is never counted: it is frames. Of what goes out the library bounds the
/// messages, not their bytes: here the kernel tells how much the other side has confirmed.
///
/// A thread of its own looks: who subscribes faster than the library takes it in keeps the
/// reactor inside of the library.
final class PeerWatch: Sendable {
    private struct Peer {
        let cookie: UInt64, address: String
        var received = 0, waiting = 0
        var confirmed = 0, unread = 0
    }

    private struct State {
        var connections: [Int32: Peer] = [:]
        var delivered: [Int32: Int] = [:], sent: [Int32: Int] = [:]
        /// Bytes of all that was sent since the last look.
        var sentBytes = 0
        /// In which order the library took connections, by their descriptors.
        var accepted: [Int32: Int] = [:], acceptedCount = 0
        /// Looks that follow soon, since somebody is new or busy.
        var hurried = ZeroMQLimits.hurriedLooks
    }

    let port: UInt16
    private let bound: PeerBound
    private let onCut: @Sendable (CutPeer) -> Void
    private let state = Mutex(State())

    /// A watch over the connections at `port`; `onCut` is called on the thread that looks.
    init(_ bound: PeerBound, port: UInt16, onCut: @escaping @Sendable (CutPeer) -> Void) {
        self.bound = bound
        self.port = port
        self.onCut = onCut
    }

    /// Somebody has called: what comes next is looked at soon.
    func accepted(_ descriptor: Int32) {
        state.withLock { state in
            state.hurried = ZeroMQLimits.hurriedLooks
            state.acceptedCount += 1
            state.accepted[descriptor] = state.acceptedCount
        }
        PeerWatcher.shared.hurry()
    }

    /// So many bytes of a peer were handed on.
    func delivered(_ byteCount: Int, from descriptor: Int32) {
        state.withLock { $0.delivered[descriptor, default: 0] += byteCount }
    }

    /// So many bytes were given to the library for a peer.
    func sent(_ byteCount: Int, to descriptor: Int32) {
        state.withLock { state in
            state.sent[descriptor, default: 0] += byteCount
            state.sentBytes += byteCount
            if byteCount > ZeroMQLimits.busyBytes { state.hurried = ZeroMQLimits.hurriedLooks }
        }
        if byteCount > ZeroMQLimits.busyBytes { PeerWatcher.shared.hurry() }
    }

    /// Whether so little was sent since the last look that nobody can have left much unread.
    var isQuiet: Bool { state.withLock { $0.sentBytes <= ZeroMQLimits.quietBytes } }

    /// Looks at the connections of the port, `pause` after the last look; whether the next one
    /// should come soon.
    func look(at connections: [OpenConnection], after pause: Duration) -> Bool {
        let trickle = Int(pause / .seconds(1) * Double(ZeroMQLimits.trickle))
        let (cut, isHurried) = state.withLock { state -> ([(Int32, CutPeer)], Bool) in
            state.hurried = max(0, state.hurried - 1)
            var now: [Int32: Peer] = [:]
            for connection in connections {
                let descriptor = connection.descriptor
                var peer = state.connections[descriptor]
                if peer?.cookie != connection.cookie {
                    peer = Connection(descriptor, port: port).map {
                        Peer(cookie: connection.cookie, address: $0.peer)
                    }
                    if peer != nil { state.hurried = ZeroMQLimits.hurriedLooks }
                }
                guard var seen = peer,
                    let (received, confirmed) = Connection.transferredBytes(of: descriptor)
                else { continue }
                let came = received - seen.received
                let taken = (state.delivered[descriptor] ?? 0) + trickle
                seen.received = received
                seen.waiting = max(0, seen.waiting + came - taken)
                let read = confirmed - seen.confirmed
                seen.confirmed = confirmed
                seen.unread = max(0, seen.unread + (state.sent[descriptor] ?? 0) - read)
                if came > ZeroMQLimits.busyBytes { state.hurried = ZeroMQLimits.hurriedLooks }
                now[descriptor] = seen
            }
            state.connections = now
            state.delivered.removeAll(keepingCapacity: true)
            state.sent.removeAll(keepingCapacity: true)
            state.sentBytes = 0
            state.accepted = state.accepted.filter { now[$0.key] != nil || state.hurried > 0 }
            return (Self.beyond(bound, &state), state.hurried > 0)
        }
        for (descriptor, peer) in cut {
            Connection(descriptor, port: port)?.end()
            onCut(peer)
        }
        return isHurried
    }

    /// Takes out the connections that are beyond the bound.
    private static func beyond(
        _ bound: PeerBound,
        _ state: inout State
    ) -> [(Int32, CutPeer)] {
        var cut =
            largest(\.waiting, beyond: bound.bytes, &state.connections).map {
                ($0, CutPeer(address: $1.address, reason: .waiting($1.waiting)))
            }
            + largest(\.unread, beyond: bound.unreadBytes, &state.connections).map {
                ($0, CutPeer(address: $1.address, reason: .unread($1.unread)))
            }
        let extra = state.connections.count - bound.connections
        guard extra > 0 else { return cut }
        // Of whom the library has not told yet, it tells before the next look.
        let newest = state.accepted.filter { state.connections[$0.key] != nil }
            .sorted { $0.value > $1.value }
        for (descriptor, _) in newest.prefix(extra) {
            guard let peer = state.connections.removeValue(forKey: descriptor) else { continue }
            cut.append((descriptor, CutPeer(address: peer.address, reason: .oneTooMany)))
        }
        return cut
    }

    /// Takes out the connections that hold most, until what is left is within the bound.
    private static func largest(
        _ held: KeyPath<Peer, Int>,
        beyond bound: Int,
        _ connections: inout [Int32: Peer]
    ) -> [(Int32, Peer)] {
        var total = connections.values.reduce(0) { $0 + $1[keyPath: held] }
        guard total > bound else { return [] }
        var out: [(Int32, Peer)] = []
        for (descriptor, peer) in connections.sorted(by: {
            $0.value[keyPath: held] > $1.value[keyPath: held]
        }) where total > bound {
            total -= peer[keyPath: held]
            connections[descriptor] = nil
            out.append((descriptor, peer))
        }
        return out
    }
}

internal import CZeroMQ
internal import Glibc

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
    private struct Connection {
        let address: String
        let number: Int
        var received = 0
        var waiting = 0
    }

    private unowned let socket: Socket
    private let bound: PeerBound
    private let port: UInt16
    private let onCut: (CutPeer) -> Void
    private var connections: [Int32: Connection] = [:]
    private var delivered: [Int32: Int] = [:]
    private var number = 0
    private var isTicking = false
    /// Ticks that follow soon, since somebody is new or busy.
    private var hurried = 0

    init(_ socket: Socket, _ bound: PeerBound, port: UInt16, onCut: @escaping (CutPeer) -> Void) {
        self.socket = socket
        self.bound = bound
        self.port = port
        self.onCut = onCut
    }

    /// Somebody has called; the kernel calls the connection `descriptor`.
    func accepted(_ descriptor: Int32) {
        guard let address = TCPConnection(descriptor, port: port)?.peer else { return }
        number += 1
        connections[descriptor] = Connection(address: address, number: number)
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
            guard let tcp = TCPConnection(descriptor, port: port), tcp.peer == connection.address
            else {
                connections[descriptor] = nil
                continue
            }
            let came = tcp.receivedBytes - connection.received
            let taken = (delivered[descriptor] ?? 0) + trickle
            connections[descriptor]?.received = tcp.receivedBytes
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

    private func cut(_ descriptor: Int32, _ connection: Connection, _ waiting: Int?) {
        connections[descriptor] = nil
        // The library finds the connection closed by its peer, and forgets what came on it.
        shutdown(descriptor, Int32(SHUT_RDWR))
        onCut(CutPeer(address: connection.address, waitingBytes: waiting))
    }
}

/// What the kernel knows of an established connection of this process.
private struct TCPConnection {
    /// The peer's address and port.
    let peer: String
    /// Bytes that came on it, of what the peer has been told that they did.
    let receivedBytes: Int

    /// The connection of a descriptor; nil where it is none at `port` any more.
    init?(_ descriptor: Int32, port: UInt16) {
        guard let own = Self.address(descriptor, getsockname), own.port == port,
            let peer = Self.address(descriptor, getpeername)
        else { return nil }
        self.peer = "\(peer.host):\(peer.port)"
        // Source: Linux, include/uapi/linux/tcp.h, `tcp_info`, `tcpi_bytes_received`; glibc's own
        // structure ends before it.
        let place = 128
        let size = place + MemoryLayout<UInt64>.size
        let bytes = withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
            var length = socklen_t(size)
            let status = getsockopt(
                descriptor,
                Int32(IPPROTO_TCP),
                TCP_INFO,
                buffer.baseAddress,
                &length
            )
            guard status == 0, length == size else { return nil as UInt64? }
            return buffer.load(fromByteOffset: place, as: UInt64.self)
        }
        guard let bytes else { return nil }
        receivedBytes = Int(clamping: bytes)
    }

    private typealias Asking = (
        Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?
    ) -> Int32

    private static func address(_ descriptor: Int32, _ ask: Asking) -> (host: String, port: UInt16)?
    {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { raw -> (host: String, port: UInt16)? in
            guard let base = raw.baseAddress else { return nil }
            let address = base.assumingMemoryBound(to: sockaddr.self)
            guard ask(descriptor, address, &length) == 0 else { return nil }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let family = Int32(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { return nil }
            // The port is in bytes 2 and 3 of both; the address in bytes 4 and 8.
            let port = UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            let place = family == AF_INET ? 4 : 8
            guard inet_ntop(family, base + place, &text, socklen_t(text.count)) != nil else {
                return nil
            }
            let host = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            return (host, port)
        }
    }
}

internal import Glibc

/// What the kernel knows of one connection of a bound socket.
///
/// The library tells the descriptor of a connection, and may have closed it meanwhile: something
/// else of this process may have it now. So it is looked at anew each time, and is one only where
/// it is at the port that the socket listens on.
public struct Connection {
    private let descriptor: Int32
    /// The address of the peer, and its port.
    public let host: String, peerPort: UInt16

    /// The connection of a descriptor; nil where it is none at `port` any more.
    init?(_ descriptor: Int32, port: UInt16) {
        guard descriptor >= 0, Self.port(of: descriptor) == port,
            let peer = Self.peer(of: descriptor)
        else { return nil }
        self.descriptor = descriptor
        host = peer.host
        peerPort = peer.port
    }

    /// The port of this end of a connection, or the one that a socket listens on; nil where the
    /// descriptor is neither.
    static func port(of descriptor: Int32) -> UInt16? {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &address) { raw in
            guard let base = raw.baseAddress,
                getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return nil }
            return port(in: UnsafeRawPointer(base))
        }
    }

    /// What the kernel calls a socket, which it calls no other one; nil where the descriptor is
    /// none.
    ///
    /// Source: Linux, include/uapi/asm-generic/socket.h, SO_COOKIE; net/core/sock_diag.c.
    static func cookie(of descriptor: Int32) -> UInt64? {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        let status = getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length)
        return status == 0 ? cookie : nil
    }

    /// The port in an address of the internet, in bytes 2 and 3 of both its families.
    private static func port(in address: UnsafeRawPointer) -> UInt16? {
        let family = Int32(address.assumingMemoryBound(to: sockaddr.self).pointee.sa_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        return UInt16(bigEndian: address.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    }

    /// `HOST:PORT` of the peer.
    public var peer: String { "\(host):\(peerPort)" }

    /// Ends it, whatever is under way on it: the library finds it closed by its peer, and forgets
    /// what came on it.
    public func end() {
        // Reset when the library closes it: a peer whose bytes nobody took would else wait for a
        // minute until there is room for more.
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout<linger>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, size)
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Bytes that came on a connection, of what the peer has been told that they did, and bytes
    /// that went out, of which the peer has told that they came; nil where it has ended.
    ///
    /// Source: Linux, include/uapi/linux/tcp.h, `tcp_info`, `tcpi_bytes_acked` and
    /// `tcpi_bytes_received` behind it; glibc's own structure ends before them.
    static func transferredBytes(of descriptor: Int32) -> (received: Int, confirmed: Int)? {
        let (confirmed, received) = (120, 128)
        let size = received + MemoryLayout<UInt64>.size
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
            var length = socklen_t(size)
            let status = getsockopt(
                descriptor,
                Int32(IPPROTO_TCP),
                TCP_INFO,
                buffer.baseAddress,
                &length
            )
            guard status == 0, length == size, buffer.load(as: UInt8.self) != TCP_CLOSE else {
                return nil
            }
            return (
                Int(clamping: buffer.load(fromByteOffset: received, as: UInt64.self)),
                Int(clamping: buffer.load(fromByteOffset: confirmed, as: UInt64.self))
            )
        }
    }

    /// The other end of a connection of the internet; nil where the descriptor is none.
    private static func peer(of descriptor: Int32) -> (host: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { raw -> (host: String, port: UInt16)? in
            guard let base = raw.baseAddress else { return nil }
            let address = base.assumingMemoryBound(to: sockaddr.self)
            guard getpeername(descriptor, address, &length) == 0,
                let port = port(in: UnsafeRawPointer(base))
            else { return nil }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let family = Int32(address.pointee.sa_family)
            // The address is in bytes 4 of the one and 8 of the other.
            let place = family == AF_INET ? 4 : 8
            guard inet_ntop(family, base + place, &text, socklen_t(text.count)) != nil else {
                return nil
            }
            let host = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            return (host, port)
        }
    }
}

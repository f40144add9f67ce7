internal import Glibc

/// What can be done with a connection of the library by its descriptor, which it tells.
///
/// The library may have closed the descriptor meanwhile, and something else may have it. So only
/// what is harmless then is done: who is asked for is logged, and what is ended connects again.
public enum Connection {
    /// The address of the other end; nil where that is not known.
    public static func peerAddress(_ descriptor: Int32) -> String? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> String? in
                guard getpeername(descriptor, address, &length) == 0 else { return nil }
                var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                let status = getnameinfo(
                    address,
                    length,
                    &host,
                    socklen_t(host.count),
                    nil,
                    0,
                    NI_NUMERICHOST
                )
                let bytes = host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
                return status == 0 ? String(decoding: bytes, as: UTF8.self) : nil
            }
        }
    }

    /// Ends a connection of TCP, whatever is under way on it.
    public static func end(_ descriptor: Int32) { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

public import Foundation

/// Addresses of plain TCP sockets.
public enum SocketAddress {
    /// Calls `body` with an IPv4 address and a port, as bind(2) and connect(2) take them.
    public static func with<Result>(
        _ host: String = "127.0.0.1",
        port: Int,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

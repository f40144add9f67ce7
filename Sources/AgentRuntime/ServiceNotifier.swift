internal import Glibc

/// Tells a service manager how this process stands: ready, alive, about to end.
///
/// Source: `sd_notify(3)`: lines `NAME=value` in one datagram to the Unix socket that
/// `$NOTIFY_SOCKET` names; a name that begins with `@` is an abstract one.
public final class ServiceNotifier: Sendable {
    private let descriptor: Int32
    private let address: [UInt8]

    /// A notifier to the socket of that name; nil where the name is none.
    public init?(socket name: String) {
        var path = Array(name.utf8)
        let room = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        guard let first = path.first, path.count < room, first == 0x2F || first == 0x40 else {
            return nil
        }
        // An abstract name begins with a zero and has no end mark.
        if first == 0x40 { path[0] = 0 } else { path.append(0) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        let family = sa_family_t(AF_UNIX)
        address = withUnsafeBytes(of: family) { Array($0) } + path
    }

    deinit { close(descriptor) }

    /// Sends some states; whoever does not listen misses them.
    public func tell(_ states: String...) {
        let bytes = Array(states.joined(separator: "\n").utf8)
        address.withUnsafeBytes { address in
            bytes.withUnsafeBytes { bytes in
                guard let target = address.bindMemory(to: sockaddr.self).baseAddress else { return }
                let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
                let length = socklen_t(address.count)
                _ = sendto(descriptor, bytes.baseAddress, bytes.count, flags, target, length)
            }
        }
    }
}

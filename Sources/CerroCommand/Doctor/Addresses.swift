internal import Glibc

/// Addresses of this machine, and behind names.
enum Addresses {
    /// Those of this machine's interfaces that are up, as text.
    static func here() -> Set<String> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: Set<String> = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr else { continue }
            let length =
                Int32(address.pointee.sa_family) == AF_INET
                ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            guard [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family)),
                let text = text(of: address, socklen_t(length))
            else { continue }
            found.insert(text)
        }
        return found
    }

    /// Those behind a name, or the address itself; empty where nobody knows the name.
    static func behind(_ name: String) -> Set<String> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: Set<String> = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ai_next
            if let address = entry.ai_addr, let text = text(of: address, entry.ai_addrlen) {
                found.insert(text)
            }
        }
        return found
    }

    private static func text(
        of address: UnsafeMutablePointer<sockaddr>,
        _ length: socklen_t
    ) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let size = socklen_t(buffer.count)
        guard getnameinfo(address, length, &buffer, size, nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        let bytes = buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        // `fe80::1%eth0` is the address fe80::1.
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "%") }, as: UTF8.self)
    }
}

public import ZeroMQ

/// Where a socket listens, as others are told: `tcp://HOST:PORT`, and the key that it has to prove.
public struct BusEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// The address or name of the host, without brackets.
    public let host: String
    /// The port, 1 to 65,535.
    public let port: Int
    /// The key that who listens there has to prove; nil where sockets have none.
    public var key: PublicKey?

    /// The endpoint at `port` of `host`; nil where that can be none.
    public init?(host: String, port: Int, key: PublicKey? = nil) {
        let isClean = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }
        guard !host.isEmpty, host.utf8.count <= 255, isClean, (1...65_535).contains(port) else {
            return nil
        }
        self.host = host
        self.port = port
        self.key = key
    }

    /// Reads `tcp://HOST:PORT`, where an IPv6 address stands in brackets.
    public init?(_ text: String, key: PublicKey? = nil) {
        guard text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":") else { return nil }
        let start = text.index(text.startIndex, offsetBy: 6)
        guard start < colon, let port = Int(text[text.index(after: colon)...]) else { return nil }
        var host = text[start..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(host: String(host), port: port, key: key)
    }

    /// Whether who listens there is on this machine.
    public var isLoopback: Bool { Binding(host: host).isLoopback }

    /// `tcp://HOST:PORT`.
    public var description: String {
        host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
    }
}

/// Where a socket may listen.
public struct Binding: Hashable, Sendable {
    /// The address of this machine.
    public var host: String
    /// The ports that are tried, in order; `0...0` is any free one.
    public var ports: ClosedRange<Int>
    /// The port that is tried first: that of last time.
    public var preferred: Int?

    /// A place to listen.
    public init(host: String, ports: ClosedRange<Int> = 0...0, preferred: Int? = nil) {
        self.host = host
        self.ports = ports
        self.preferred = preferred
    }

    /// Whether only this machine can connect.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

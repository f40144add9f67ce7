/// Hosts with addresses of their own, joined by a switch: network namespaces and virtual cables.
///
/// None of them is the machine of the tests, which stays outside. Needs to be root.
public final class HostNetwork: Sendable {
    /// One host.
    public struct Host: Sendable {
        /// Its address.
        public let address: String
        fileprivate let space: NetworkSpace
        fileprivate let port: String

        /// Words that run a program there.
        public var entering: [String] { space.entering }
    }

    private let hub: NetworkSpace
    /// The hosts, by name.
    public let hosts: [String: Host]

    /// Makes the hosts, and plugs all of them in.
    public init(_ names: [String]) async throws {
        hub = try await NetworkSpace()
        try await hub.ip("link add bridge type bridge")
        try await hub.ip("link set bridge up")
        var hosts: [String: Host] = [:]
        for (number, name) in names.enumerated() {
            let space = try await NetworkSpace()
            // Addresses for tests of networks, which nobody routes (RFC 2544).
            let host = Host(address: "198.18.0.\(number + 1)", space: space, port: "port\(number)")
            try await hub.ip("link add \(host.port) type veth peer name eth0 netns \(space.pid)")
            try await hub.ip("link set \(host.port) master bridge")
            try await hub.ip("link set \(host.port) up")
            try await space.ip("address add \(host.address)/24 dev eth0")
            try await space.ip("link set eth0 up")
            hosts[name] = host
        }
        self.hosts = hosts
    }

    /// The host of a name.
    public func host(_ name: String) throws -> Host {
        guard let host = hosts[name] else {
            throw NeverHappened(description: "there is no host \(name)")
        }
        return host
    }

    /// Pulls the cable of a host, or plugs it in again.
    public func setCable(of name: String, isPlugged: Bool) async throws {
        try await hub.ip("link set \(host(name).port) \(isPlugged ? "up" : "down")")
    }
}

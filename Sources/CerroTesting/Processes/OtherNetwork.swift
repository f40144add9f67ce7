/// A network namespace with a loopback of its own, and a cable between it and that of the tests.
///
/// Both end with the last process in it. Needs to be root.
public final class OtherNetwork: Sendable {
    /// The addresses of the cable's ends: on the side of the tests, and on the other.
    public let near: String, far: String
    private let space: NetworkSpace
    /// The device of the cable's near end.
    public let cable: String

    /// Makes the namespace and plugs the cable in.
    public init() async throws {
        // Addresses for tests of networks, which nobody routes (RFC 2544).
        let net = "198.18.\(Int.random(in: 0...255)).\(Int.random(in: 0..<64) * 4)"
        let last = net.split(separator: ".").last.flatMap { Int($0) } ?? 0
        let prefix = net.split(separator: ".").dropLast().joined(separator: ".")
        near = "\(prefix).\(last + 1)"
        far = "\(prefix).\(last + 2)"
        space = try await NetworkSpace()
        cable = "cv\(space.pid)"
        try await NetworkSpace.ip("link add \(cable) type veth peer name far netns \(space.pid)")
        try await NetworkSpace.ip("address add \(near)/30 dev \(cable)")
        try await NetworkSpace.ip("link set \(cable) up")
        try await space.ip("address add \(far)/30 dev far")
        try await space.ip("link set far up")
    }

    /// The file of the namespace.
    public var namespace: String { space.file }

    /// Words that run a program there.
    public var entering: [String] { space.entering }

    /// Pulls the cable, or plugs it in again.
    public func setCable(isPlugged: Bool) async throws {
        try await NetworkSpace.ip("link set \(cable) \(isPlugged ? "up" : "down")")
    }

}

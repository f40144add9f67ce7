internal import Foundation

/// A network namespace with a loopback of its own, and a cable between it and that of the tests.
///
/// Both end with the last process in it. Needs to be root.
public final class OtherNetwork: Sendable {
    /// The addresses of the cable's ends: on the side of the tests, and on the other.
    public let near: String, far: String
    private let holder: RunningProgram
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
        let holder = try RunningProgram(words: [
            "unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat",
        ])
        self.holder = holder
        cable = "cv\(holder.pid)"
        try await eventually("the network namespace is ready; said:\n\(holder.output)") {
            holder.output.contains("ready") ? true : nil
        }
        try await Self.run(
            ["link", "add", cable, "type", "veth", "peer", "name", "far"] + [
                "netns",
                "\(holder.pid)",
            ]
        )
        try await Self.run(["address", "add", "\(near)/30", "dev", cable])
        try await Self.run(["link", "set", cable, "up"])
        try await Self.run(["address", "add", "\(far)/30", "dev", "far"], in: entering)
        try await Self.run(["link", "set", "far", "up"], in: entering)
    }

    deinit { holder.killGroup(SIGKILL) }

    /// The file of the namespace.
    public var namespace: String { "/proc/\(holder.pid)/ns/net" }

    /// Words that run a program there.
    public var entering: [String] { ["nsenter", "--net=\(namespace)", "--"] }

    /// Pulls the cable, or plugs it in again.
    public func setCable(isPlugged: Bool) async throws {
        try await Self.run(["link", "set", cable, isPlugged ? "up" : "down"])
    }

    private static func run(_ words: [String], in entering: [String] = []) async throws {
        let program = try RunningProgram(words: entering + ["ip"] + words)
        guard try await program.untilEnd() == .code(0) else {
            throw NeverHappened(description: "ip \(words): \(program.output)")
        }
    }
}

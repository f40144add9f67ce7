internal import Foundation

/// A network namespace with a loopback of its own, which ends with the last process in it.
///
/// Needs to be root.
final class NetworkSpace: Sendable {
    private let holder: RunningProgram

    /// Makes the namespace.
    init() async throws {
        let holder = try RunningProgram(words: [
            "unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat",
        ])
        self.holder = holder
        try await eventually("the network namespace is ready; said:\n\(holder.output)") {
            holder.output.contains("ready") ? true : nil
        }
    }

    deinit { holder.killGroup(SIGKILL) }

    /// The process that holds it.
    var pid: Int32 { holder.pid }

    /// The file of the namespace.
    var file: String { "/proc/\(pid)/ns/net" }

    /// Words that run a program there.
    var entering: [String] { ["nsenter", "--net=\(file)", "--"] }

    /// Runs ip(8) there.
    func ip(_ words: String) async throws { try await Self.ip(words, in: entering) }

    /// Runs ip(8).
    static func ip(_ words: String, in entering: [String] = []) async throws {
        let split = words.split(separator: " ").map(String.init)
        let program = try RunningProgram(words: entering + ["ip"] + split)
        guard try await program.untilEnd() == .code(0) else {
            throw NeverHappened(description: "ip \(words): \(program.output)")
        }
    }
}

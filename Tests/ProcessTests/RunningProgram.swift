import CerroTesting
import Foundation
import Synchronization

@testable import CerroCommand

/// A `cerro` process, until it and all that it started have ended.
///
/// Its output also goes to a descriptor that every process below it inherits and nobody closes, so
/// that the end of the output is the end of the last of them.
final class RunningProgram: Sendable {
    /// How the program ended, once all processes below it are gone; nil before.
    var end: ChildProcess.End? { ended.withLock { $0 } }

    private let child: ChildProcess
    private let ended = Mutex<ChildProcess.End?>(nil)
    private let folder: TemporaryFolder
    private let log: String

    /// Starts `cerro` with arguments.
    init(_ arguments: [String]) throws {
        folder = try TemporaryFolder()
        log = folder.path + "/output"
        let lifeline = try Spawn.Channel()
        child = try ChildProcess(
            ChildProcess.Program(
                executable: "/bin/sh",
                arguments: ["-c", "exec \"$0\" \"$@\" 3>&1", Self.cerro] + arguments,
                log: log
            ),
            lifeline: lifeline.reading
        )
        Task { [child, weak self] in
            let end = await child.end()
            self?.ended.withLock { $0 = end }
        }
    }

    deinit {
        guard end == nil else { return }
        for pid in Set([child.pid] + running.values) { _ = Foundation.kill(pid, SIGKILL) }
    }

    /// The program beside the tests.
    static var cerro: String {
        URL(filePath: UpPlan.ownExecutable()).deletingLastPathComponent().appending(path: "cerro")
            .path
    }

    /// Runs `cerro` to its end.
    static func run(_ arguments: [String]) async throws -> (code: Int32?, output: String) {
        let program = try RunningProgram(arguments)
        guard case .code(let code) = try await program.untilEnd() else {
            return (nil, program.output)
        }
        return (code, program.output)
    }

    /// Waits until the program and all processes below it are gone.
    func untilEnd() async throws -> ChildProcess.End {
        try await eventually("the end of all processes; said:\n\(output)") { end }
    }

    /// What the program printed.
    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// The lines that the program printed.
    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Sends a signal to the program itself.
    func kill(_ signal: Int32) {
        if end == nil { _ = Foundation.kill(child.pid, signal) }
    }

    /// The process of an instance, as the supervisor told it last; nil if it has ended since.
    func pid(of instance: String) -> pid_t? { running[instance] }

    /// The processes that the supervisor started and that have not ended, by instance.
    private var running: [String: pid_t] {
        var running: [String: pid_t] = [:]
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 2 else { continue }
            if words[2] == "started,", let pid = words.last.flatMap({ pid_t($0) }) {
                running[words[1]] = pid
            } else if ["was", "ended"].contains(words[2]) {
                running[words[1]] = nil
            }
        }
        return running
    }
}

/// A port of loopback that nobody else can have, until it is let go.
final class TakenPort {
    private let descriptor: Int32

    /// Takes a port; nil if somebody has it.
    init?(_ port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0, listen(descriptor, 1) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}

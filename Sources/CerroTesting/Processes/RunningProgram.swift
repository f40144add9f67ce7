public import Foundation
internal import Synchronization

/// A program, until it and all that it started have ended.
///
/// Its output also goes to a descriptor that every process below it inherits and nobody closes, so
/// that the end of the output is the end of the last of them. It has a process group of its own.
/// Its standard input is a pipe that closes when the tests end, however that happens.
public final class RunningProgram: Sendable {
    /// How a program ended.
    public enum End: Hashable, Sendable {
        /// It ended by itself, with this code.
        case code(Int32)
        /// This signal ended it.
        case signal(Int32)
    }

    /// How the program ended, once all processes below it are gone; nil before.
    public var end: End? { state.withLock { $0.end } }
    /// The number of the process, which is that of its group as well.
    public let pid: pid_t

    private let lifeline: Pipe
    private let state = Mutex(State())

    private struct State {
        var end: End?
        var output: [UInt8] = []
    }

    /// Starts `cerro` with arguments.
    public convenience init(_ arguments: [String]) throws {
        try self.init(words: [Self.cerro] + arguments)
    }

    /// Starts a program that is found like a shell finds it.
    public init(words: [String]) throws {
        let (process, lifeline, output) = try ProcessStart.begin { try Self.start(words) }
        self.lifeline = lifeline
        pid = process.processIdentifier
        Thread.detachNewThread { [weak self] in
            let reading = output.fileHandleForReading
            while case let piece = reading.availableData, !piece.isEmpty {
                self?.state.withLock { $0.output += piece }
            }
            process.waitUntilExit()
            let status = process.terminationStatus
            let isSignal = process.terminationReason == .uncaughtSignal
            self?.state.withLock { $0.end = isSignal ? .signal(status) : .code(status) }
        }
    }

    private static func start(_ words: [String]) throws -> (Process, Pipe, Pipe) {
        let (process, lifeline, output) = (Process(), Pipe(), Pipe())
        // A child would ignore what this process does, since some test handles signals.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["--default-signal", "/bin/sh", "-c", "exec \"$0\" \"$@\" 3>&1"] + words
        process.environment = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("CERRO_")
        }
        process.standardInput = lifeline
        process.standardOutput = output
        process.standardError = output
        try ProcessStart.run(process)
        return (process, lifeline, output)
    }

    deinit {
        guard end == nil else { return }
        _ = Foundation.kill(-pid, SIGKILL)
        for pid in running.values { _ = Foundation.kill(pid, SIGKILL) }
    }

    /// The program beside the tests.
    public static var cerro: String {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: own ?? CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "cerro").path
    }

    /// Runs `cerro` to its end, under other words where they are given.
    public static func run(
        _ arguments: [String],
        under words: [String] = []
    ) async throws -> (code: Int32?, output: String) {
        let program = try RunningProgram(words: words + [cerro] + arguments)
        guard case .code(let code) = try await program.untilEnd() else {
            return (nil, program.output)
        }
        return (code, program.output)
    }

    /// Waits until the program and all processes below it are gone.
    @discardableResult
    public func untilEnd() async throws -> End {
        do {
            return try await eventually("the end of all processes") { end }
        } catch {
            throw NeverHappened(description: "\(error); said:\n\(output)")
        }
    }

    /// What the program printed.
    public var output: String { String(decoding: state.withLock { $0.output }, as: UTF8.self) }

    /// The lines that the program printed.
    public var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Sends a signal to the program itself.
    public func kill(_ signal: Int32) {
        if end == nil { _ = Foundation.kill(pid, signal) }
    }

    /// Sends a signal to the program and all of its group.
    public func killGroup(_ signal: Int32) {
        if end == nil { _ = Foundation.kill(-pid, signal) }
    }

    /// The process of an instance, as the supervisor told it last; nil if it has ended since.
    public func pid(of instance: String) -> pid_t? { running[instance] }

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

internal import Dispatch
internal import Foundation
internal import Synchronization
internal import Telemetry

/// A program that was started, until it has ended and all that it wrote is kept.
///
/// Its standard input is a pipe that nobody writes to: it closes when this process dies, however
/// that happens, and so tells the program to stop. It gets a process group of its own, so that
/// Ctrl-C reaches this process only, which then stops its children in good order.
final class ChildProcess: Sendable {
    /// How a program ended.
    enum End: Hashable, Sendable, CustomStringConvertible {
        /// It ended by itself, with this code.
        case code(Int32)
        /// This signal ended it.
        case signal(Int32)

        /// How it ended, as the end of a sentence.
        var description: String {
            switch self {
            case .code(let code): "ended with exit code \(code)"
            case .signal(let number): "was ended by signal \(number)"
            }
        }
    }

    /// What to start.
    struct Program: Sendable {
        /// The file to execute.
        var executable: String
        /// Its arguments, without its name.
        var arguments: [String]
        /// Where its output goes.
        var log: String
    }

    /// The number of the process.
    let pid: pid_t
    private let log: Mutex<LogFile>
    private let state = Mutex(State())

    /// What is known of the end; the output is drained before it is there.
    private struct State {
        var end: End?
        var lastLine = ""
        var waiter: CheckedContinuation<End, Never>?
    }

    /// Starts a program; `lifeline` becomes its standard input.
    init(_ program: Program, lifeline: FileHandle) throws(CommandFailure) {
        log = Mutex(try LogFile(path: program.log))
        let output = try Spawn.Channel()
        pid = try Spawn.start(program, input: lifeline, output: output.writing)
        let reading = output.reading
        Thread.detachNewThread { [self] in
            drain(reading)
            finish(Spawn.wait(for: pid))
        }
    }

    /// Suspends until the program has ended and its output is kept, cancelled or not.
    func end() async -> End {
        await withCheckedContinuation { waiter in
            let end = state.withLock { state in
                if state.end == nil { state.waiter = waiter }
                return state.end
            }
            if let end { waiter.resume(returning: end) }
        }
    }

    /// Asks the program to stop; kills it if it has not within `limit`.
    func stop(limit: Duration = Limits.stopping) {
        send(SIGTERM)
        DispatchQueue.global().asyncAfter(deadline: .now() + limit.inSeconds) { [self] in
            send(SIGKILL)
        }
    }

    /// The last line that the program wrote, for people who wonder why it ended.
    var lastLine: String { state.withLock { $0.lastLine } }

    private func send(_ signal: Int32) {
        // The lock keeps the number from being another process's: it is free after the end only.
        state.withLock { state in
            if state.end == nil { _ = kill(pid, signal) }
        }
    }

    private func finish(_ end: End) {
        let waiter = state.withLock { state in
            state.end = end
            return state.waiter.take()
        }
        waiter?.resume(returning: end)
    }

    private func drain(_ handle: FileHandle) {
        var piece = [UInt8](repeating: 0, count: Limits.outputPieceBytes)
        var line: [UInt8] = []
        while true {
            let count = piece.withUnsafeMutableBytes {
                read(handle.fileDescriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            log.withLock { $0.append(piece[..<count]) }
            line = Self.lastLine(of: line + piece[..<count])
            let text = String(decoding: line.prefix { $0 != 0x0A }, as: UTF8.self)
            state.withLock { $0.lastLine = text }
        }
    }

    /// The last line that holds anything, with what follows it; at most 1,000 bytes.
    private static func lastLine(of bytes: [UInt8]) -> [UInt8] {
        let lines = bytes.split(separator: 0x0A)
        let isOpen = bytes.last != 0x0A
        return Array((lines.last ?? []).suffix(1000)) + (isOpen ? [] : [0x0A])
    }
}

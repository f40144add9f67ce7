internal import CKernel
internal import Dispatch
internal import Foundation
internal import Synchronization
internal import Telemetry

/// A program that was started, until it has ended.
///
/// Its standard input is a pipe that nobody writes to: it closes when this process dies, however
/// that happens, and so tells the program to stop. It gets a process group of its own, so that
/// Ctrl-C reaches this process only, which then stops its children in good order.
///
/// One that shall outlive this process has no such pipe, and a later process takes it over by its
/// number.
final class ChildProcess: Sendable {
    /// How a program ended.
    enum End: Hashable, Sendable, CustomStringConvertible {
        /// It ended by itself, with this code.
        case code(Int32)
        /// This signal ended it.
        case signal(Int32)
        /// It ended; only the process that started it is told how.
        case unknown

        /// How it ended, as the end of a sentence.
        var description: String {
            switch self {
            case .code(let code): "ended with exit code \(code)"
            case .signal(let number): "was ended by signal \(number)"
            case .unknown: "ended"
            }
        }
    }

    /// What to start.
    struct Program: Sendable {
        /// The file to execute.
        var executable: String
        /// Its arguments, without its name.
        var arguments: [String]
        /// The file that its output goes to.
        var log: String
    }

    /// The number of the process.
    let pid: pid_t
    private let log: LogFile
    private let state = Mutex(State())

    private struct State {
        var end: End?
        var waiter: CheckedContinuation<End, Never>?
    }

    /// Starts a program; `lifeline` becomes its standard input, and without one it outlives this
    /// process.
    init(_ program: Program, lifeline: FileHandle?) throws(CommandFailure) {
        log = LogFile(path: program.log)
        pid = try Spawn.start(program, input: lifeline, output: try log.open())
        Thread.detachNewThread { [self] in finish(Spawn.wait(for: pid)) }
    }

    /// Takes over a program that an earlier process started and that runs; nil where it has ended.
    init?(running pid: pid_t, program: Program) {
        let handle = cerro_process_open(pid)
        guard handle >= 0 else { return nil }
        log = LogFile(path: program.log)
        self.pid = pid
        Thread.detachNewThread { [self] in
            Spawn.wait(forHandle: handle)
            finish(.unknown)
        }
    }

    /// Suspends until the program has ended, cancelled or not.
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
    var lastLine: String { log.lastLine }

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
}

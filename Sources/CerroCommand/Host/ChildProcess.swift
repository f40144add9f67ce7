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
/// One that shall outlive this process has no such pipe, and a later process takes it over.
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
    struct Program: Hashable, Sendable {
        /// The file to execute.
        var executable: String
        /// Its arguments, without its name.
        var arguments: [String]
        /// The file that its output goes to.
        var log: String
    }

    /// Which process it is.
    let identity: ProcessIdentity
    private let log: LogFile
    /// Where its lines begin in the log.
    private let logStart: UInt64
    /// A descriptor that stands for the process of somebody else, which may end at any time; its
    /// own child this process is told of before the number is free.
    private let handle: Int32?
    private let state = Mutex(State())

    private struct State {
        var end: End?
        var waiters: [@Sendable (End) -> Void] = []
    }

    /// The number of the process.
    var pid: pid_t { identity.pid }

    /// Starts a program; `lifeline` becomes its standard input, and without one it outlives this
    /// process.
    init(_ program: Program, lifeline: FileHandle?) throws(CommandFailure) {
        log = LogFile(path: program.log)
        logStart = log.byteCount
        let pid = try Spawn.start(program, input: lifeline, output: try log.open())
        // Nobody has waited for it yet, so it is there even if it has ended.
        identity = ProcessIdentity(of: pid) ?? ProcessIdentity(pid: pid, start: 0, boot: "")
        handle = nil
        Thread.detachNewThread { [self] in finish(Spawn.wait(for: pid)) }
    }

    /// Takes over a process that an earlier one started; nil where it has ended.
    init?(running identity: ProcessIdentity, log path: String) {
        let handle = cerro_process_open(identity.pid)
        guard handle >= 0 else { return nil }
        // Looked at behind the handle: from here on the number cannot become another process's.
        guard identity.isRunning else {
            close(handle)
            return nil
        }
        log = LogFile(path: path)
        logStart = 0
        self.identity = identity
        self.handle = handle
        Thread.detachNewThread { [self] in
            Spawn.wait(forHandle: handle)
            finish(.unknown)
        }
    }

    /// Has `body` called once when the program has ended, at once if it has; on any thread.
    func whenEnded(_ body: @escaping @Sendable (End) -> Void) {
        let end = state.withLock { state in
            if state.end == nil { state.waiters.append(body) }
            return state.end
        }
        if let end { body(end) }
    }

    /// Suspends until the program has ended, cancelled or not.
    func end() async -> End {
        await withCheckedContinuation { waiter in whenEnded { waiter.resume(returning: $0) } }
    }

    /// Asks the program to stop; kills it if it has not within `limit`.
    func stop(limit: Duration = Limits.stopping) {
        send(SIGTERM)
        DispatchQueue.global().asyncAfter(deadline: .now() + limit.inSeconds) { [self] in
            send(SIGKILL)
        }
    }

    /// The last lines that the program wrote, for people who wonder why it ended.
    func lastLines(_ count: Int) -> [String] { log.lastLines(count, from: logStart) }

    private func send(_ signal: Int32) {
        // The lock keeps the number, and the handle, from being another's: they are free after the
        // end only.
        state.withLock { state in
            guard state.end == nil else { return }
            if let handle {
                _ = cerro_process_signal(handle, signal)
            } else {
                _ = kill(pid, signal)
            }
        }
    }

    private func finish(_ end: End) {
        let waiters = state.withLock { state in
            state.end = end
            if let handle { close(handle) }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter(end) }
    }
}

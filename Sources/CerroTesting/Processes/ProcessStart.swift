internal import Foundation
internal import Synchronization

/// Starts programs one after another.
///
/// A pipe that another thread has just made would be inherited by a program that starts at that
/// moment, and whoever reads from it would wait for the end of a stranger.
enum ProcessStart {
    private static let turn = Mutex(())

    /// Makes a program and its pipes, and starts it.
    static func begin<Running>(_ body: () throws -> Running) rethrows -> Running {
        try turn.withLock { _ in try body() }
    }

    /// Runs a process that hears all signals.
    ///
    /// A thread that runs tasks blocks signals, and a child inherits that: it would never hear any
    /// but SIGKILL.
    static func run(_ process: Process) throws {
        var (none, usual) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &usual)
        defer { pthread_sigmask(SIG_SETMASK, &usual, nil) }
        try process.run()
    }
}

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
}

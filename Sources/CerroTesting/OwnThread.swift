internal import ZeroMQ

/// A thread for tests whose peers give up on who is slow.
///
/// Hundreds of tests share the threads of the pool, and one that computes for seconds holds up all
/// that wait for it.
@globalActor
public actor OwnThread {
    /// The one of this process.
    public static let shared = OwnThread()

    private let thread: Reactor

    private init() {
        do { thread = try Reactor() } catch {
            preconditionFailure("no thread can be had: \(error)")
        }
    }

    /// The thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }
}

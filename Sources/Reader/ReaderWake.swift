internal import Synchronization

/// Tells a reader that the archive has got something; any number of calls before it looks are one.
public final class ReaderWake: Sendable {
    private let listener = Mutex<AsyncStream<Void>.Continuation?>(nil)

    /// Nobody listens yet.
    public init() {}

    /// Lets the reader look at the archive now instead of at its next turn.
    public func wake() {
        _ = listener.withLock { $0?.yield() }
    }

    /// The wakes from now on; whoever listened before gets no more.
    func wakes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let former = listener.withLock { listener in
            defer { listener = continuation }
            return listener
        }
        former?.finish()
        return stream
    }
}

internal import Synchronization

/// Who watches what is live: how many, and whether there is anybody.
final class LiveAudience: Sendable {
    private struct State {
        var count = 0
        var listeners: [Int: AsyncStream<Bool>.Continuation] = [:]
        var next = 0

        func tell() {
            for sink in listeners.values { sink.yield(count > 0) }
        }
    }

    private let state = Mutex(State())

    /// How many watch.
    var count: Int { state.withLock { $0.count } }

    /// Lets one more watch, unless there are `most`.
    func take(atMost most: Int) -> Bool {
        state.withLock { state in
            guard state.count < most else { return false }
            state.count += 1
            if state.count == 1 { state.tell() }
            return true
        }
    }

    /// One watches no more.
    func giveBack() {
        state.withLock { state in
            state.count -= 1
            if state.count == 0 { state.tell() }
        }
    }

    /// Whether anybody watches, now and whenever that changes.
    func presence() -> AsyncStream<Bool> {
        let (stream, sink) = AsyncStream.makeStream(
            of: Bool.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let id = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = sink
            sink.yield(state.count > 0)
            return state.next
        }
        sink.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }
}

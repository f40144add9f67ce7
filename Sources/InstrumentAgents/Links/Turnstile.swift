internal import AgentRuntime
internal import Synchronization

/// Lets one caller at a time talk to an instrument, in order of arrival.
final class Turnstile: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let address: String

    /// The turnstile of the instrument at `address`, which is for messages.
    init(address: String) {
        self.address = address
    }

    /// Runs `body` once it is this caller's turn; every turn ends because queries have limits.
    func pass<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async throws {
        let isCrowded = state.withLock { $0.waiting.count >= Limits.mostWaiting }
        guard !isCrowded else {
            throw InstrumentError.refused(
                address: address,
                reason: "\(Limits.mostWaiting) requests wait for it already"
            )
        }
        await withCheckedContinuation { continuation in
            let mayEnter = state.withLock { state in
                if state.isTaken {
                    state.waiting.append(continuation)
                    return false
                }
                state.isTaken = true
                return true
            }
            if mayEnter { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.isTaken = false
            return nil
        }
        next?.resume()
    }
}

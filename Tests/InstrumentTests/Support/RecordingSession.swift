import AgentRuntime
import CerroTesting
import Synchronization
import Telemetry

/// What carries out a session's requests in a test: it keeps everything, and says when.
final class RecordingSession: SessionBacking {
    /// What happened so far.
    struct Seen {
        var blocks: [String: [Block]] = [:]
        var degraded: String?
        var faults: [String: Fault] = [:]
        var faultsRaised: [String] = []
        var data: [String: Value] = [:]
        var messages: [String] = []
        var refused: [any Error] = []

        /// The rows of a feed.
        func rows(_ feed: String) -> Int {
            blocks[feed, default: []].reduce(0) { $0 + $1.timestamps.count }
        }

        /// The times of all rows of a feed.
        func timestamps(_ feed: String) -> [Timestamp] {
            blocks[feed, default: []].flatMap(\.timestamps)
        }

        /// The values of one field, nil where one is missing.
        func values(_ feed: Feed, _ field: String) -> [Value?] {
            guard let index = feed.fields.firstIndex(where: { $0.name == field }) else {
                return []
            }
            return blocks[feed.name, default: []].flatMap { block in
                (0..<block.timestamps.count).map { row in
                    let column = block.columns[index]
                    guard column.isPresent(row) else { return nil }
                    return switch column.values {
                    case .doubles(let values): .double(values[row])
                    case .ints(let values): .int(values[row])
                    case .bools(let values): .bool(values[row])
                    case .strings(let values): .string(values[row])
                    }
                }
            }
        }
    }

    private struct State {
        var seen = Seen()
        var waiting: [(condition: @Sendable (Seen) -> Bool, continuation: Resumption)] = []
    }
    private typealias Resumption = CheckedContinuation<Void, Never>

    let manual: ManualTimeSource
    private let state = Mutex(State())

    init(_ manual: ManualTimeSource = ManualTimeSource()) {
        self.manual = manual
    }

    var time: any TimeSource { manual }
    var session: OperationSession { OperationSession(self) }
    var seen: Seen { state.withLock(\.seen) }

    /// Waits until what happened fulfils `condition`.
    func wait(until condition: @escaping @Sendable (Seen) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isTrue = state.withLock { state in
                if condition(state.seen) { return true }
                state.waiting.append((condition, continuation))
                return false
            }
            if isTrue { continuation.resume() }
        }
    }

    private func change(_ body: (inout Seen) -> Void) {
        let due = state.withLock { state in
            body(&state.seen)
            let seen = state.seen
            let due = state.waiting.filter { $0.condition(seen) }
            state.waiting.removeAll { $0.condition(seen) }
            return due
        }
        for entry in due { entry.continuation.resume() }
    }

    func publish(_ feed: Feed, _ blocks: [Block]) async throws {
        let checked: [Block]
        do {
            checked = try blocks.map { try $0.checked(for: feed) }
        } catch {
            change { $0.refused.append(error) }
            throw error
        }
        change { $0.blocks[feed.name, default: []] += checked }
    }

    func setDegraded(_ reason: String?) { change { $0.degraded = reason } }
    func log(_ message: String) { change { $0.messages.append(message) } }
    func setData(_ key: String, _ value: Value) { change { $0.data[key] = value } }

    func raise(_ fault: Fault) {
        change {
            $0.faults[fault.id + "/" + fault.subject] = fault
            $0.faultsRaised.append(fault.id + "/" + fault.subject)
        }
    }

    func clear(_ id: String, subject: String) { change { $0.faults[id + "/" + subject] = nil } }
}

/// Runs `process` beside `body` and stops it afterwards.
func withRunning(
    _ process: @escaping @Sendable () async throws -> Void,
    _ body: @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await process() }
        defer { group.cancelAll() }
        try await body()
    }
}

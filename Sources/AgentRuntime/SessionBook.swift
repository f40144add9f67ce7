internal import MessagePack
public import Telemetry

/// The sessions of an agent: which run, what came of the last ones, what may start.
///
/// Per operation: (nothing or done) → starting → running ⇄ degraded → stopping → done, forward
/// only. Invariants: at most one session of an operation is not done; a start that is refused
/// changes nothing; ids grow; the last 20 sessions of each operation are kept.
public struct SessionBook: Sendable {
    /// Why a request is refused.
    public enum Refusal: Error, Hashable, Sendable {
        case unknownOperation(String, known: [String])
        case busy(Session)
        case idle(String)
        case stopping(Session)
        case notAbortable(String)
        case wrongKind(String, AgentOperation.Kind)

        /// What was found and what to do.
        var text: String {
            switch self {
            case .unknownOperation(let name, let known):
                "there is no operation `\(name)`; there are \(known.joined(separator: ", "))"
            case .busy(let session):
                "`\(session.operation)` runs already: session \(session.id) since "
                    + "\(session.start). Stop it first, or wait for it"
            case .idle(let name): "`\(name)` does not run"
            case .stopping(let session):
                "session \(session.id) of `\(session.operation)` is being stopped already"
            case .notAbortable(let name):
                "the task `\(name)` cannot be cut short; wait for it"
            case .wrongKind(let name, .task): "`\(name)` is a task: use abort"
            case .wrongKind(let name, .process): "`\(name)` is a process: use stop"
            }
        }
    }

    private let operations: [String: AgentOperation]
    private var sessions: [String: [Session]] = [:]
    private var nextID: Int64 = 1

    /// The names of the operations, in the agent's order.
    public let names: [String]

    /// A book without sessions.
    public init(_ operations: [AgentOperation]) {
        self.operations = Dictionary(
            operations.map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        names = operations.map(\.name)
    }

    /// The operation `name`.
    public func operation(_ name: String) throws(Refusal) -> AgentOperation {
        guard let operation = operations[name] else {
            throw .unknownOperation(name, known: names)
        }
        return operation
    }

    /// The newest session of `operation`, nil where there was none.
    public func newest(_ operation: String) -> Session? { sessions[operation]?.last }

    /// The session `id` of `operation`, the newest for nil; nil where it is not kept.
    public func session(_ operation: String, id: Int64?) -> Session? {
        guard let id else { return newest(operation) }
        return sessions[operation]?.last { $0.id == id }
    }

    /// All kept sessions of `operation`, oldest first.
    public func history(_ operation: String) -> [Session] { sessions[operation] ?? [] }

    /// The status of the newest session of each operation, `idle` where there was none.
    public var summary: [String: String] {
        operations.mapValues { operation in
            guard let session = newest(operation.name) else { return "idle" }
            guard session.status == .done else { return session.status.rawValue }
            return session.success == true ? "succeeded" : "failed"
        }
    }

    /// Sessions that are not done.
    public var active: [Session] {
        sessions.values.compactMap(\.last).filter { $0.status != .done }
    }

    /// Accepts a start: a session in `starting`, if nothing of the operation runs.
    public mutating func begin(_ name: String, at time: Timestamp) throws(Refusal) -> Session {
        _ = try operation(name)
        if let session = newest(name), session.status != .done { throw .busy(session) }
        let session = Session(id: nextID, operation: name, start: time)
        nextID += 1
        var kept = sessions[name] ?? []
        kept.append(session)
        if kept.count > RuntimeLimits.sessionsPerOperation { kept.removeFirst() }
        sessions[name] = kept
        return session
    }

    /// Accepts a stop of a process, or an abort of a task: `stopping`.
    public mutating func end(
        _ name: String,
        as kind: AgentOperation.Kind
    ) throws(Refusal) -> Session {
        let operation = try operation(name)
        guard operation.kind == kind else { throw .wrongKind(name, operation.kind) }
        guard let session = newest(name), session.status != .done else { throw .idle(name) }
        guard kind == .process || operation.isAbortable else { throw .notAbortable(name) }
        guard session.status != .stopping else { throw .stopping(session) }
        return change(name, session.id) { $0.status = .stopping } ?? session
    }

    /// Told to end because the agent ends: whatever the operation allows; nil if it ends already.
    public mutating func endForShutdown(_ name: String) -> Session? {
        guard let session = newest(name), session.status != .done, session.status != .stopping
        else { return nil }
        return change(name, session.id) { $0.status = .stopping }
    }

    /// The body has begun; nil if that changes nothing.
    public mutating func markRunning(_ name: String, _ id: Int64) -> Session? {
        change(name, id) { session in
            if session.status == .starting { session.status = .running }
        }
    }

    /// Running or degraded with a reason; nil if that changes nothing.
    public mutating func setDegraded(
        _ name: String,
        _ id: Int64,
        _ reason: String?
    ) -> Session? {
        change(name, id) { session in
            guard [.starting, .running, .degraded].contains(session.status) else { return }
            session.status = reason == nil ? .running : .degraded
            session.reason = reason ?? ""
        }
    }

    /// The body has returned (nil) or failed with a reason; nil if the session was done before.
    public mutating func finish(
        _ name: String,
        _ id: Int64,
        failure: String?,
        at time: Timestamp
    ) -> Session? {
        change(name, id) { session in
            guard session.status != .done else { return }
            session.status = .done
            session.success = failure == nil
            session.reason = failure ?? ""
            session.end = time
        }
    }

    /// Adds a line; the oldest goes where there are too many.
    public mutating func log(_ name: String, _ id: Int64, _ text: String, at time: Timestamp) {
        _ = change(name, id) { session in
            let line = String(text.prefix(RuntimeLimits.messageLength))
            session.messages.append(Session.Message(time: time, text: line))
            if session.messages.count > RuntimeLimits.messagesPerSession {
                session.messages.removeFirst()
            }
        }
    }

    /// Sets an entry of the data; false if the limits refuse it.
    public mutating func setData(
        _ name: String,
        _ id: Int64,
        _ key: String,
        _ value: Value
    ) -> Bool {
        guard let session = session(name, id: id) else { return false }
        var data = session.data
        data[key] = value
        guard data.count <= RuntimeLimits.dataEntries,
            Value.map(data).messagePack.count <= RuntimeLimits.dataSize
        else { return false }
        _ = change(name, id) { $0.data = data }
        return true
    }

    /// Applies `body` to a session; the session if that changed it.
    private mutating func change(
        _ name: String,
        _ id: Int64,
        _ body: (inout Session) -> Void
    ) -> Session? {
        guard let index = sessions[name]?.lastIndex(where: { $0.id == id }),
            var session = sessions[name]?[index]
        else { return nil }
        let before = session
        body(&session)
        guard session != before else { return nil }
        sessions[name]?[index] = session
        return session
    }
}

public import MessageBus
public import Telemetry

/// Why a client does not get what it asked for.
public enum ClientError: Error, Sendable, CustomStringConvertible {
    /// No registry or no agent answers there.
    case unreachable(String, reason: String)
    /// The registry knows no such instance; `near` are names like it.
    case unknownInstance(String, near: [String])
    /// The instance is in the table and nobody holds it.
    case notRunning(String, state: InstanceRow.State)
    /// The request was sent and nothing came back: whether it was carried out is not known.
    case timedOut(String, after: Duration)
    /// The other end refused, or the operation failed.
    case refused(code: ReplyCode, text: String, result: Value)
    /// The answer is none; whether the request was carried out is not known.
    case malformed(String, reason: String? = nil)

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .unreachable(let what, let reason): "\(what) is not reachable: \(reason)"
        case .unknownInstance(let name, let near):
            "the registry knows no instance `\(name)`"
                + (near.isEmpty
                    ? "; `cerro status` lists those that it knows"
                    : "; did you mean \(near.joined(separator: ", "))?")
        case .notRunning(let name, let state):
            "\(name) is \(state.rawValue): `cerro host start \(name)`, or `cerro up` on its host, "
                + "starts it"
        case .timedOut(let what, let limit):
            "\(what) did not answer within \(limit.inSeconds) s; whether it was carried out is "
                + "not known: ask for the status"
        case .refused(_, let text, _): text
        case .malformed(let what, let reason):
            "\(what) answered something that is no answer" + (reason.map { ": \($0)" } ?? "")
        }
    }
}

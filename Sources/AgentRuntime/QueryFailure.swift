public import MessageBus
public import Telemetry

/// A query that is refused or fails with a code of its own; thrown by the answer of a query.
public struct QueryFailure: Error, Sendable {
    /// The code of the reply.
    public let code: ReplyCode
    /// What was found, what is expected, what to do.
    public let text: String
    /// What goes with it, such as the holder of a lease.
    public let result: Value

    /// A failure.
    public init(_ code: ReplyCode, _ text: String, result: Value = .null) {
        self.code = code
        self.text = text
        self.result = result
    }
}

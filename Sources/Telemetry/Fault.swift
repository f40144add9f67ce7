/// A named condition that an agent holds: something is wrong now and somebody should know.
public struct Fault: Hashable, Sendable {
    /// How soon somebody should look.
    public enum Severity: String, Hashable, Sendable, CaseIterable {
        /// Worth knowing in the morning.
        case warning
        /// Data or control are impaired now.
        case error
        /// Data are being lost, or equipment may be.
        case critical
    }

    /// What kind of fault it is, for programs: `instrument.silent`, `disk.low`.
    public let id: String
    /// How soon somebody should look.
    public let severity: Severity
    /// When the condition began.
    public let since: Timestamp
    /// What is wrong and what to do, for people.
    public let text: String
    /// What it is about: a field, a file, an instance; empty where that is the agent itself.
    public let subject: String

    /// A fault that begins at `since`.
    public init(
        id: String,
        severity: Severity,
        since: Timestamp,
        text: String,
        subject: String = ""
    ) {
        self.id = id
        self.severity = severity
        self.since = since
        self.text = text
        self.subject = subject
    }
}

public import Access
public import Logging
public import MessageBus
public import Telemetry

/// What the runtime offers to an agent beyond its sessions.
public struct AgentServices: Sendable {
    /// The agent's own instance id.
    public let instance: String
    /// The name of its site; empty where that is not known.
    public let site: String
    /// The bus that the agent's sockets are on.
    public let bus: any Bus
    /// Where the registry answers; nil only where the agent's own socket is closed.
    public let registry: BusEndpoint?
    /// Who may do what, as it holds now.
    public let access: AccessControl
    /// Where the agent takes its time from.
    public let time: any TimeSource
    /// Where the agent logs.
    public let logger: Logger
    /// Publishes a value that is seen by who looks now, and kept nowhere.
    public let announce: @Sendable (_ topic: String, _ value: Value) -> Void
    /// Raises and clears faults outside of a session.
    public let raise: @Sendable (Fault) -> Void
    /// Clears a fault by id and subject.
    public let clear: @Sendable (_ id: String, _ subject: String) -> Void
    /// Puts a refusal of the agent's own into its audit, which bounds how many there are.
    public let audit: @Sendable (AuditEntry) -> Void
    /// How far this host's clock is from the registry's; nil before that was measured.
    public let clock: @Sendable () async -> ClockEstimate.Reading?
}

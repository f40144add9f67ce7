public import Telemetry

/// The feeds that every agent has beside its own.
public enum BuiltInFeed {
    /// Every change of every session: the history of commands, followed instead of polled.
    public static let sessions = Feed(
        "sessions",
        fields: [
            Field("session", .int, description: "number of the session within the epoch"),
            Field("operation", .string),
            Field("status", .string, description: "starting, running, degraded, stopping, done"),
            Field("success", .bool, description: "missing until the session is done"),
            Field("reason", .string, description: "why it is degraded or failed"),
        ],
        description: "changes of sessions"
    )

    /// Every fault that is raised or cleared.
    public static let faults = Feed(
        "faults",
        fields: [
            Field("id", .string, description: "what kind of fault"),
            Field("subject", .string, description: "what it is about"),
            Field("severity", .string, description: "warning, error, critical"),
            Field("open", .bool, description: "true when raised, false when cleared"),
            Field("text", .string, description: "what is wrong and what to do"),
        ],
        description: "faults raised and cleared"
    )

    /// Every command and every refusal: who, from where, what, what came of it.
    public static let audit = Feed(
        "audit",
        fields: [
            Field("request", .string, description: "id of the request; a command has two entries"),
            Field(
                "outcome",
                .string,
                description: "started, then done or failed; or refused, expired, repeated"
            ),
            Field("who", .string, description: "who asked, and what stands behind the name"),
            Field("name", .string, description: "the name alone"),
            Field("proof", .string, description: "local, key:…, token:…"),
            Field("address", .string, description: "where the request came from"),
            Field("action", .string),
            Field("operation", .string),
            Field("parameters", .string, description: "as JSON, secrets blanked"),
            Field("reason", .string, description: "why it was refused or failed"),
            Field("duration", unit: .second, description: "missing but at the end of a command"),
        ],
        description: "commands and refusals"
    )

    /// Names that an agent's own feeds may not use.
    public static let all = [sessions, faults, audit]

    static func block(of entry: AuditEntry, at time: Timestamp) -> Block {
        Block(
            timestamps: [time],
            columns: [
                .strings([entry.request]), .strings([entry.outcome.rawValue]),
                .strings([entry.who]), .strings([entry.name]), .strings([entry.proof]),
                .strings([entry.address]), .strings([entry.action]), .strings([entry.operation]),
                .strings([entry.parameters]), .strings([entry.reason]), .doubles([entry.seconds]),
            ]
        )
    }

    static func block(of session: Session, at time: Timestamp) -> Block {
        Block(
            timestamps: [time],
            columns: [
                .ints([session.id]), .strings([session.operation]),
                .strings([session.status.rawValue]), .bools([session.success]),
                .strings([session.reason]),
            ]
        )
    }

    static func block(of change: FaultBook.Change) -> Block {
        let (fault, isOpen, time) =
            switch change {
            case .raised(let fault): (fault, true, fault.since)
            case .cleared(let fault, let time): (fault, false, time)
            }
        return Block(
            timestamps: [time],
            columns: [
                .strings([fault.id]), .strings([fault.subject]),
                .strings([fault.severity.rawValue]), .bools([isOpen]), .strings([fault.text]),
            ]
        )
    }
}

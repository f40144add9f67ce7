/// One row of the feed `audit`: what somebody asked an instance to do, or what came of it.
///
/// A command has two entries with one id, `started` and what came of it; a refused request has one.
public struct AuditEntry: Hashable, Sendable {
    /// What came of a request.
    public enum Outcome: String, CaseIterable, Sendable {
        /// Accepted; it is carried out as soon as this is written.
        case started
        /// Carried out.
        case done
        /// Carried out in part or not at all.
        case failed
        /// Not carried out: who asked may not, or it was not possible.
        case refused
        /// Not carried out: it came too late, or was meant for an earlier run of the instance.
        case expired
        /// Not carried out once more: the same request was asked again, and answered as before.
        case repeated
    }

    /// The id of the request as 32 hexadecimal digits; empty for a count of what is left out.
    public var request: String
    /// What came of it.
    public var outcome: Outcome
    /// Who asked, as `Caller` says it, and its name alone.
    public var who: String, name: String
    /// `local`, `key` or `token`, with the key or the token's id behind a colon.
    public var proof: String
    /// Where the request came from; empty where that is not known.
    public var address: String
    /// What was asked for: `start`, and the operation where it was about one.
    public var action: String, operation: String
    /// The parameters as JSON, secrets blanked; empty where there are none.
    public var parameters: String
    /// Why it was refused or failed; empty otherwise.
    public var reason: String
    /// How long the command took, in seconds; nil but for the end of a command.
    public var seconds: Double?

    /// An entry about a request of `caller`.
    public init(
        request: String,
        outcome: Outcome,
        caller: Caller,
        action: String,
        operation: String = "",
        parameters: String = ""
    ) {
        self.request = request
        self.outcome = outcome
        who = caller.description
        name = caller.name
        proof = caller.proof.word
        address = caller.address ?? ""
        self.action = action
        self.operation = operation
        self.parameters = parameters
        reason = ""
        seconds = nil
    }

    /// Reads an entry from the fields of a row of the feed; nil if they are none.
    public init?(_ field: (String) -> Value?) {
        guard let outcome = field("outcome")?.string.flatMap(Outcome.init) else { return nil }
        func text(_ name: String) -> String { field(name)?.string ?? "" }
        self.init(
            request: text("request"),
            outcome: outcome,
            caller: Caller(name: text("name"), proof: .local, address: text("address")),
            action: text("action"),
            operation: text("operation"),
            parameters: text("parameters")
        )
        who = text("who")
        proof = text("proof")
        reason = text("reason")
        seconds = field("duration")?.double
    }

    /// An entry that counts requests of which nothing else is noted.
    public init(leftOut count: Int) {
        self.init(
            request: "",
            outcome: .refused,
            caller: Caller(name: "", proof: .local),
            action: ""
        )
        who = ""
        proof = ""
        reason = "\(count) more requests were refused, which are not listed"
    }
}

extension Value {
    /// The value with all members blanked whose name sounds like a secret or is among `names`.
    public func withoutSecrets(named names: Set<String> = []) -> Value {
        switch self {
        case .map(let members):
            .map(
                Dictionary(
                    uniqueKeysWithValues: members.map { name, value in
                        let isSecret = names.contains(name) || Value.soundsSecret(name)
                        return (name, isSecret ? "(secret)" : value.withoutSecrets(named: names))
                    }
                )
            )
        case .array(let elements): .array(elements.map { $0.withoutSecrets(named: names) })
        default: self
        }
    }

    /// Whether what has this name is better not shown.
    public static func soundsSecret(_ name: String) -> Bool {
        let plain = name.lowercased()
        return ["password", "passwd", "passphrase", "secret", "token", "credential"]
            .contains { plain.contains($0) } || plain.hasSuffix("key") || plain.hasSuffix("keys")
    }
}

/// Who has taken control of an instance: until then nobody else starts or stops anything there.
public struct Control: Hashable, Sendable {
    /// The name of the holder.
    public var holder: String
    /// What stands behind the name, as ``Caller/Proof/word`` says it.
    public var proof: String
    /// Why, in the holder's words.
    public var reason: String
    /// When control was taken and when it ends by itself, on the instance's clock.
    public var since: Timestamp, until: Timestamp

    /// Control that `holder` has.
    public init(holder: Caller, reason: String, since: Timestamp, until: Timestamp) {
        self.holder = holder.name
        proof = holder.proof.word
        self.reason = reason
        self.since = since
        self.until = until
    }

    /// Whether it is that caller's.
    public func isHeld(by caller: Caller) -> Bool {
        holder == caller.name && proof == caller.proof.word
    }

    /// Control as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "holder": .string(holder), "proof": .string(proof), "reason": .string(reason),
            "since": .timestamp(since), "until": .timestamp(until),
        ]
    }

    /// Reads control; nil if it is none.
    public init?(_ value: Value) {
        guard let holder = value["holder"]?.string, let since = value["since"]?.timestamp,
            let until = value["until"]?.timestamp
        else { return nil }
        self.holder = holder
        proof = value["proof"]?.string ?? ""
        reason = value["reason"]?.string ?? ""
        self.since = since
        self.until = until
    }
}

extension Control: CustomStringConvertible {
    /// Who, until when and why: `alice has control until 2026-11-21T05:00:00Z: cooldown`.
    public var description: String {
        "\(holder) has control until \(until)" + (reason.isEmpty ? "" : ": \(reason)")
    }
}

extension Caller.Proof {
    /// The proof in one word: `local`, `key:…`, `token:…`.
    public var word: String {
        switch self {
        case .local: "local"
        case .key(let key): "key:\(key)"
        case .token(let id): "token:\(id)"
        }
    }
}

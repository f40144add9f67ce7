internal import Access
internal import MessageBus
internal import Telemetry

/// Who asks over HTTP, and what is known of them.
struct Visitor: Sendable {
    /// Who it is, for audits.
    var caller: Caller
    /// What they may do.
    var grants: [Grant]
    /// When the token ends; nil for never, or where there is none.
    var expires: Timestamp?
    /// Whether the token came as a cookie, which a browser sends whoever makes it ask.
    var hasCookie = false

    /// The visitor whose question this task answers; nil outside of one.
    @TaskLocal static var current: Visitor?

    /// Whether it is somebody with a token.
    var hasToken: Bool { caller.proof != .local }

    /// For whom the reader asks an instance.
    var asker: Asker {
        var token: String?
        if case .token(let id) = caller.proof { token = id }
        return Asker(name: caller.name, token: token, address: caller.address)
    }

    /// What a page wants to know of whoever looks at it.
    var value: Value {
        [
            "name": .string(caller.name), "proof": .string(caller.proof.word),
            "has_token": .bool(hasToken),
            "expires": expires.map { .double($0.unixSeconds) } ?? .null,
            "grants": .array(
                grants.map { grant in
                    [
                        "role": .string(grant.role.rawValue),
                        "instances": .array(grant.instances.map(Value.string)),
                        "operations": .array(grant.operations.map(Value.string)),
                    ]
                }
            ),
        ]
    }
}

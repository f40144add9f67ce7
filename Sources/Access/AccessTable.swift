public import Telemetry
public import ZeroMQ

/// Who belongs to a site, and what each may do: the content of `access.yaml`, as a value.
///
/// Invariants: no two members have one name or one key; a revoked key is nobody's, whoever else
/// names it.
public struct AccessTable: Hashable, Sendable {
    /// Somebody with a key.
    public struct Member: Hashable, Sendable {
        /// What a member is.
        public enum Kind: Hashable, Sendable {
            /// An instance of the site: it looks everywhere and speaks to the registry, and has the
            /// duties that are given to it.
            case instance(Set<Duty>)
            /// A person or a script.
            case person
        }

        /// What only some instances do.
        public enum Duty: String, CaseIterable, Sendable {
            /// Says for whom it asks, and is believed; of readers.
            case vouches
            /// Takes the logs of instances, and lets them go of what it has; of aggregators.
            case archives
        }

        /// The instance's id or the person's name.
        public var name: String
        /// The key that the handshake has to prove.
        public var key: PublicKey
        /// What it is.
        public var kind: Kind
        /// What it may do.
        public var grants: [Grant]

        /// A member.
        public init(name: String, key: PublicKey, kind: Kind, grants: [Grant] = []) {
            self.name = name
            self.key = key
            self.kind = kind
            self.grants = grants
        }

        /// Whether it is an instance.
        public var isInstance: Bool { kind != .person }

        /// Whether it is an instance with that duty.
        public func has(_ duty: Duty) -> Bool {
            guard case .instance(let duties) = kind else { return false }
            return duties.contains(duty)
        }
    }

    /// A token of HTTP: what is known of it is not enough to use it.
    public struct Token: Hashable, Sendable {
        /// What the token is called in logs and in the audit; no secret.
        public var id: String
        /// Whose it is.
        public var name: String
        /// The hash of the secret, in the form that its checker writes.
        public var hash: String
        /// When it ends; nil for never.
        public var expires: Timestamp?
        /// What it allows.
        public var grants: [Grant]

        /// A token.
        public init(
            id: String,
            name: String,
            hash: String,
            expires: Timestamp?,
            grants: [Grant]
        ) {
            self.id = id
            self.name = name
            self.hash = hash
            self.expires = expires
            self.grants = grants
        }
    }

    /// A key that gets in nowhere any more.
    public struct Revocation: Hashable, Sendable {
        /// Whose it was, and the key.
        public var name: String, key: PublicKey
        /// When it was revoked.
        public var at: Timestamp

        /// A revocation.
        public init(name: String, key: PublicKey, at: Timestamp) {
            self.name = name
            self.key = key
            self.at = at
        }
    }

    /// Instances and people, in the order of the file.
    public var members: [Member] { didSet { index() } }
    /// Tokens of HTTP, in the order of the file.
    public var tokens: [Token]
    /// Keys that are revoked, in the order of the file.
    public var revocations: [Revocation] { didSet { index() } }
    /// Whether the site has no keys: then its sockets are on loopback, and who is on the machine
    /// may do everything.
    public let isOpen: Bool
    private var byKey: [String: Int] = [:]

    /// A table.
    public init(
        members: [Member] = [],
        tokens: [Token] = [],
        revocations: [Revocation] = []
    ) {
        self.init(members: members, tokens: tokens, revocations: revocations, isOpen: false)
    }

    private init(
        members: [Member],
        tokens: [Token],
        revocations: [Revocation],
        isOpen: Bool
    ) {
        self.members = members
        self.tokens = tokens
        self.revocations = revocations
        self.isOpen = isOpen
        index()
    }

    /// The table of a site without keys.
    public static let open = AccessTable(members: [], tokens: [], revocations: [], isOpen: true)

    private mutating func index() {
        let revoked = Set(revocations.map(\.key))
        byKey = [:]
        for (place, member) in members.enumerated() where !revoked.contains(member.key) {
            byKey[member.key.description] = place
        }
    }

    /// Whose key it is, in hexadecimal digits; nil where it is nobody's or revoked.
    public func member(key: String) -> Member? { byKey[key].map { members[$0] } }

    /// The member of that name, unless its key is revoked.
    public func member(named name: String) -> Member? {
        members.first { $0.name == name && byKey[$0.key.description] != nil }
    }

    /// The token of that id.
    public func token(id: String) -> Token? { tokens.first { $0.id == id } }

    /// Who has the key that a handshake proved, with the name that it has here.
    public func caller(key: String, address: String?) -> Caller {
        Caller(name: member(key: key)?.name ?? "unknown", proof: .key(key), address: address)
    }
}

extension AccessTable {
    /// Whether `caller` may do `operation` of `instance`, which needs `needs`; the one place where
    /// that is decided.
    ///
    /// For an action that is no operation, such as `status`, `operation` is the action.
    public func decide(
        _ caller: Caller,
        needs: Need,
        instance: String,
        operation: String,
        at now: Timestamp
    ) -> Decision {
        // Made only for who is refused: it takes longer than the decision.
        var what: String { "`\(operation)` of \(instance) needs \(needs)" }
        switch caller.proof {
        case .local:
            if isOpen || needs == .role(.observe) || needs == .member { return .allowed }
            return .refused("\(caller): \(what). This site has keys: show one, or a token")
        case .key(let key):
            guard let member = member(key: key) else {
                return .refused("\(caller): the key is unknown here, or revoked")
            }
            let isEnough =
                switch needs {
                case .member: true
                case .instance: member.isInstance
                case .duty(let duty): member.has(duty)
                case .role(.observe) where member.isInstance: true
                case .role(let role): covers(member.grants, role, instance, operation)
                }
            let own = member.isInstance ? [Grant(role: .observe)] : []
            return isEnough ? .allowed : refusal(caller, member.grants + own, instance, what)
        case .token(let id):
            guard let token = token(id: id) else {
                return .refused("\(caller): the token is unknown here, or revoked")
            }
            if let end = token.expires, end <= now {
                return .refused("\(caller): the token ended at \(end)")
            }
            let isEnough =
                switch needs {
                case .member: true
                case .instance, .duty: false
                case .role(let role): covers(token.grants, role, instance, operation)
                }
            return isEnough ? .allowed : refusal(caller, token.grants, instance, what)
        }
    }

    private func covers(
        _ grants: [Grant],
        _ role: Role,
        _ instance: String,
        _ operation: String
    ) -> Bool {
        grants.contains { $0.covers(role, instance, operation) }
    }

    private func refusal(
        _ caller: Caller,
        _ grants: [Grant],
        _ instance: String,
        _ what: String
    ) -> Decision {
        let there = grants.filter { $0.covers(.observe, instance, "") }.map(\.role).max()
        let has = there.map { "has the role `\($0.rawValue)` there" } ?? "has no role there"
        return .refused("\(what); \(caller) \(has): whoever keeps access.yaml grants it")
    }
}

public import Telemetry

/// What somebody may do: a role, at some instances, for some operations.
public struct Grant: Hashable, Sendable {
    /// What may be done there.
    public var role: Role
    /// The instances, as patterns in which `*` stands for any run of characters.
    public var instances: [String]
    /// The operations, as such patterns.
    public var operations: [String]

    /// A grant, of everything at every instance unless told otherwise.
    public init(role: Role, instances: [String] = ["*"], operations: [String] = ["*"]) {
        self.role = role
        self.instances = instances
        self.operations = operations
    }

    /// Whether it allows what needs `role`; whoever may do anything at an instance may look there.
    func covers(_ needed: Role, _ instance: String, _ operation: String) -> Bool {
        guard role >= needed, instances.contains(where: { Glob.matches($0, instance) }) else {
            return false
        }
        return needed == .observe || operations.contains { Glob.matches($0, operation) }
    }
}

/// What an action asks of who asks for it.
public enum Need: Hashable, Sendable, CustomStringConvertible {
    /// A role, at the instance and for the operation that are meant.
    case role(Role)
    /// To belong to the site: what everybody has to know to find the others.
    case member
    /// To be an instance of the site: what instances say to each other.
    case instance
    /// To be an instance with that duty.
    case duty(AccessTable.Member.Duty)

    /// What is needed, as `the role `operate``.
    public var description: String {
        switch self {
        case .role(let role): "the role `\(role.rawValue)`"
        case .member: "a key or token of this site"
        case .instance: "the key of an instance"
        case .duty(let duty): "the key of an instance with `\(duty.rawValue): true`"
        }
    }
}

/// Whether somebody may do something.
public enum Decision: Hashable, Sendable {
    /// It may be done.
    case allowed
    /// It may not; the text says who lacks what for which instance and operation.
    case refused(String)

    /// Whether it may be done.
    public var isAllowed: Bool { self == .allowed }
}

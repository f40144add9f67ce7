public import Telemetry

/// Who an agent is: what it tells the registry and everybody who asks.
public struct AgentIdentity: Sendable {
    /// The instance id and the class.
    public var instance: String, className: String
    /// The host's name in the site file, the process, and when it began.
    public var host: String, pid: Int64
    /// Cerro's version, and the hash of the site file that it runs.
    public var version: String, siteHash: String
    /// The site's name; empty where that is not known, and then no registry is another one's.
    public var site: String

    /// An identity.
    public init(
        instance: String,
        className: String,
        host: String,
        pid: Int64,
        version: String,
        siteHash: String,
        site: String = ""
    ) {
        self.instance = instance
        self.className = className
        self.host = host
        self.pid = pid
        self.version = version
        self.siteHash = siteHash
        self.site = site
    }
}

/// Why an agent's `run()` ends otherwise than by being told to.
public enum AgentExit: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process holds the instance.
    case refused(instance: String, host: String, pid: Int64, since: Timestamp)
    /// The registry is that of another site.
    case otherSite(instance: String, reason: String)
    /// Something that it needs to begin is not to be had; one sentence says what to do.
    case cannotStart(instance: String, reason: String)

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .refused(let instance, let host, let pid, let since):
            "\(instance) is held by process \(pid) on host \(host) since \(since): stop that one "
                + "first, or give this one an id of its own"
        case .otherSite(let instance, let reason): "\(instance) is not let in: \(reason)"
        case .cannotStart(let instance, let reason): "\(instance) cannot start: \(reason)"
        }
    }
}

extension AgentOperation {
    /// The operation as `describe` shows it.
    var value: Value {
        [
            "name": .string(name), "kind": .string(kind.rawValue), "help": .string(help),
            "abortable": .bool(isAbortable), "needs": .string(needs.rawValue),
            "parameters": .array(parameters.map(\.value)),
        ]
    }
}

extension ParameterDeclaration {
    /// The parameter as `describe` shows it.
    var value: Value {
        [
            "name": .string(name), "type": .string(type.rawValue),
            "range": range.map { [.double($0.lowerBound), .double($0.upperBound)] } ?? .null,
            "choices": choices.map { .array($0.map(Value.string)) } ?? .null,
            "default": fallback ?? .null, "required": .bool(fallback == nil),
            "unit": .optional(unit?.rawValue), "help": .string(help),
            "secret": .bool(isSecret || Value.soundsSecret(name)),
        ]
    }
}

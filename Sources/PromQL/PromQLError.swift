internal import Telemetry

/// Why a query in PromQL has no answer.
public enum PromQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text is no expression: what was found at which byte, and what was expected.
    case syntax(at: Int, found: String, expected: String)
    /// A function, operator or modifier that is not offered; `known` are those that are.
    case unknown(String, at: Int, known: [String])
    /// An expression of the wrong kind in some place.
    case type(String)
    /// A regular expression that is none.
    case pattern(String, reason: String)
    /// The query is larger than it may be.
    case limit(what: String, limit: Int, advice: String)
    /// The expression is right, but its operands do not fit together.
    case execution(String)

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .syntax(let place, let found, let expected):
            "at byte \(place): found \(found.prefix(100)); expected \(expected)"
        case .unknown(let name, let place, let known):
            "at byte \(place): `\(name.prefix(100))` is not offered; there are "
                + known.joined(separator: ", ")
        case .type(let problem): problem
        case .pattern(let pattern, let reason):
            "`\(pattern.prefix(100))` is no regular expression: \(reason)"
        case .limit(let what, let limit, let advice):
            "too many \(what); at most \(limit): \(advice)"
        case .execution(let problem): problem
        }
    }
}

public import MessageBus
public import PromQL
public import Telemetry

/// Why a query has no answer; ``code`` is one of the table that requests of the bus have too.
public enum QueryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A time argument that is none.
    case time(argument: String, found: String, expected: String)
    /// A range that is empty or runs backwards.
    case range(start: Timestamp, end: Timestamp)
    /// A parameter that is missing, unknown or has an impossible value.
    case parameter(String, found: String, expected: String)
    /// A parameter that nobody knows, and those that are known.
    case unknownParameter(String, known: [String])
    /// The answer would be larger than the allowance.
    case limit(what: String, found: Int?, limit: Int, advice: String)
    /// Too many queries wait already.
    case busy(waiting: Int)
    /// The query took longer than it may.
    case timeout(Duration)
    /// Nobody waits for the answer any more.
    case stopped
    /// An expression of PromQL that has no answer.
    case expression(PromQLError)
    /// The archive cannot be read.
    case archive(String)

    /// The code that crosses the bus and HTTP.
    public var code: ReplyCode {
        switch self {
        case .time, .range, .parameter, .unknownParameter, .expression: .parameterInvalid
        case .limit: .queryLimit
        case .busy: .requestTooMany
        case .timeout, .stopped, .archive: .queryFailed
        }
    }

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .time(let argument, let found, let expected):
            "`\(argument)` is `\(found.prefix(100))`; expected \(expected)"
        case .range(let start, let end):
            "the start \(start) is not before the end \(end); "
                + "a range holds its start and not its end"
        case .parameter(let name, let found, let expected):
            "`\(name)` is \(found.prefix(100)); expected \(expected)"
        case .unknownParameter(let name, let known):
            "there is no parameter `\(name.prefix(100))`; "
                + NearMatch.suggestion(for: name, among: known)
                + "there are \(known.joined(separator: ", "))"
        case .limit(let what, let found, let limit, let advice):
            (found.map { "\($0) \(what)" } ?? "too many \(what)")
                + "; an answer holds at most \(limit): \(advice)"
        case .busy(let waiting):
            "\(waiting) queries wait already: ask again in a second"
        case .timeout(let limit):
            "no answer within \(limit.inSeconds) s: ask for less time or fewer fields"
        case .stopped:
            "the query was given up before it was answered"
        case .expression(let error): "\(error)"
        case .archive(let reason):
            "the archive cannot be read: \(reason)"
        }
    }
}

/// What became of a request: one table, in which no code ever changes its meaning.
public enum ReplyCode: String, CaseIterable, Sendable {
    /// Done as asked.
    case ok
    /// The bytes are no request, or an argument of the request itself is missing.
    case requestMalformed = "request.malformed"
    /// The request is of a wire version that the target does not speak.
    case requestVersion = "request.version"
    /// Another instance, another epoch, or too late: nothing was done.
    case requestStale = "request.stale"
    /// Another request had the same id: nothing was done.
    case requestDuplicateID = "request.duplicate-id"
    /// More requests are under way than the target takes: nothing was done, try again.
    case requestTooMany = "request.too-many"
    /// The target has no such action.
    case actionUnknown = "action.unknown"
    /// Nobody of that name is known.
    case targetUnknown = "target.unknown"
    /// The target has no such operation.
    case operationUnknown = "operation.unknown"
    /// The operation runs already.
    case operationBusy = "operation.busy"
    /// The operation does not run.
    case operationIdle = "operation.idle"
    /// The operation cannot be cut short.
    case operationNotAbortable = "operation.not-abortable"
    /// A parameter is missing, unknown, of another type or out of range; nothing was started.
    case parameterInvalid = "parameter.invalid"
    /// The operation ran, and failed.
    case operationFailed = "operation.failed"
    /// The wait is over and the operation goes on.
    case waitTimeout = "wait.timeout"
    /// The caller may not do that.
    case refused
    /// Somebody else has taken control of the instance.
    case controlHeld = "control.held"
    /// Somebody else holds the instance's lease.
    case leaseHeld = "lease.held"
    /// The registry has not granted that lease: register.
    case leaseUnknown = "lease.unknown"
    /// The registry has just begun and grants nothing new yet: ask again.
    case leaseWait = "lease.wait"
    /// It is the registry of another site than the one that asks.
    case siteOther = "site.other"
    /// The query could not be answered.
    case queryFailed = "query.failed"
    /// The answer would be longer than is allowed.
    case queryLimit = "query.limit"
    /// There is no such field.
    case fieldUnknown = "field.unknown"
    /// There is no such feed.
    case feedUnknown = "feed.unknown"
    /// The epoch or position that was asked for is not there any more.
    case positionUnknown = "position.unknown"
    /// The target is about to end.
    case shuttingDown = "shutting-down"
    /// The target has a defect, or answers with a code that this version does not know.
    case `internal`

    /// The exit code of the command line: 0 done, 1 failed, 2 usage, 3 not reachable, 4 refused,
    /// 5 timed out.
    public var exitCode: Int32 {
        switch self {
        case .ok: 0
        case .operationFailed, .queryFailed, .queryLimit, .positionUnknown, .internal,
            .requestMalformed, .requestVersion, .requestDuplicateID:
            1
        case .actionUnknown, .operationUnknown, .parameterInvalid, .fieldUnknown, .feedUnknown: 2
        case .targetUnknown, .shuttingDown: 3
        case .requestStale, .requestTooMany, .operationBusy, .operationIdle,
            .operationNotAbortable, .refused, .controlHeld, .leaseHeld, .leaseUnknown, .leaseWait,
            .siteOther:
            4
        case .waitTimeout: 5
        }
    }
}

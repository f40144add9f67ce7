public import ArchiveFormat
public import Telemetry

/// Why a log does not open, or does not take a record; nothing of what was refused is kept.
public enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process writes here; `holder` names its host and pid.
    case held(folder: String, holder: String)
    /// The folder cannot be used.
    case disk(DiskError)
    /// The feed is not declared, or its declaration has changed since.
    case notDeclared(feed: String)
    /// The declaration is refused.
    case badDeclaration(TelemetryError)
    /// More declarations than an epoch may have.
    case tooManyDeclarations(feed: String, limit: Int)
    /// A block is too long for a record.
    case tooLong(feed: String, RecordError)
    /// The disk refuses to be written and as much is kept in memory as may be.
    case memoryFull(folder: String, byteCount: Int, reason: String)
    /// The log is closed or closing.
    case closed

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .held(let folder, let holder):
            "the spool \(folder) is held by \(holder.isEmpty ? "another process" : holder): an "
                + "instance runs once; stop the other one first"
        case .disk(let error): "the spool cannot be used: \(error)"
        case .notDeclared(let feed):
            "feed \(feed) is not declared as it is published: declare it first"
        case .badDeclaration(let error): "\(error)"
        case .tooManyDeclarations(let feed, let limit):
            "feed \(feed) is declaration \(limit + 1) since the agent started; \(limit) are "
                + "possible: restart it, and declare a feed once instead of once a block"
        case .tooLong(let feed, let error): "feed \(feed): \(error)"
        case .memoryFull(let folder, let byteCount, let reason):
            "the spool \(folder) cannot be written (\(reason)) and \(byteCount) bytes are in "
                + "memory, no more are possible: nothing is recorded until the disk works again"
        case .closed: "the log is closed: nothing can be published any more"
        }
    }
}

internal import AgentRuntime
package import Archive
internal import Glibc
internal import Log
package import Telemetry

/// What keeps a journal from taking anything.
package enum JournalTrouble: Error, Hashable, CustomStringConvertible {
    /// So many bytes are free and so many are kept for sealing and as a reserve: fetching stops.
    case low(free: Int, needed: Int)
    /// The disk has no space left.
    case full(String)
    /// The disk fails in another way.
    case stuck(String)

    /// What `error` says of the disk; nil where waiting does not help, as nobody but a person
    /// changes it: another writer, a folder that may not be written.
    package init?(_ error: ArchiveError) {
        guard case .disk(let disk) = error else { return nil }
        switch disk {
        case .full: self = .full("\(disk)")
        case .failed(_, _, code: EIO, _), .failed(_, _, code: EROFS, _): self = .stuck("\(disk)")
        default: return nil
        }
    }

    /// The fault that it is.
    package var fault: (id: String, severity: Fault.Severity) {
        switch self {
        case .low: ("disk.low", .error)
        case .full: ("disk.full", .critical)
        case .stuck: ("journal.stuck", .critical)
        }
    }

    /// All that it may be.
    package static let faults = ["disk.low", "disk.full", "journal.stuck"]

    /// Raises the fault that it is, instead of another one of these.
    func raise(in session: OperationSession) {
        let (id, severity) = fault
        for other in Self.faults where other != id { session.clear(other) }
        session.raise(id, severity, text)
        session.markDegraded(because: self)
    }

    /// Takes back whatever was raised.
    static func clear(in session: OperationSession) {
        for id in faults { session.clear(id) }
        session.markHealthy()
    }

    /// What happened and what to do.
    package var text: String {
        switch self {
        case .low(let free, let needed):
            "\(Self.mebibytes(free)) are free on the archive's disk and \(Self.mebibytes(needed)) "
                + "are kept for sealing and as a reserve: fetching has stopped and the agents "
                + "spool; free some space, or give the archive a larger disk"
        case .full(let reason):
            "the journal takes nothing and the agents spool until it does: \(reason)"
        case .stuck(let reason):
            "the journal takes nothing and the agents spool until it does: \(reason); look at the "
                + "archive's disk and the kernel's log"
        }
    }

    /// What happened and what to do.
    package var description: String { text }

    private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
}

/// How a journal is doing.
package struct JournalStatus: Sendable {
    /// Records and bytes that were taken since the process began.
    package var records: Int64, bytes: Int64
    /// Bytes that are free on the archive's disk; nil where that is not known.
    package var free: Int?
    /// Bytes of the segments that are not sealed yet, and those that wait for the next commit.
    package var unsealed: Int, waiting: Int
    /// How often the disk refused.
    package var failures: Int64
    /// How long ago the newest committed record was published of the instance that is farthest
    /// behind; zero where all of all is committed.
    package var behind: Duration
    /// Whether every instance that is pulled had no more when it was asked last.
    package var isCaughtUp: Bool
    /// How far the wall clock is ahead of receive time; negative where it is behind.
    package var clockLead: Duration
    /// What keeps it from taking anything.
    package var trouble: JournalTrouble?
}

/// How much room the archive's disk has; looks now and then.
struct DiskWatch {
    private(set) var free: Int?
    /// What is kept free, where fetching has stopped for it.
    private(set) var low: JournalTrouble?
    private var lookedAt: Duration?

    /// Whether it is time to look again.
    func isDue(at monotonic: Duration) -> Bool {
        lookedAt.map { monotonic - $0 >= AggregatorLimits.diskPeriod } ?? true
    }

    /// Takes a look: `needed` bytes are kept free, and an eighth more before fetching goes on.
    mutating func note(free: Int?, needed: Int, at monotonic: Duration) {
        lookedAt = monotonic
        self.free = free
        guard let free else { return low = nil }
        let limit = low == nil ? needed : needed + needed / 8
        low = free < limit ? .low(free: free, needed: limit) : nil
    }
}

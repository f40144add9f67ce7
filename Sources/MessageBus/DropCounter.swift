public import Logging
public import Telemetry

/// Counts what is dropped, by reason, and logs each reason once a minute at most.
///
/// The first drop is logged at once; those of the following minute with the first one after it.
public struct DropCounter: Sendable {
    private struct Entry {
        var total = 0
        var unreported = 0
        var lastReport: Duration?
    }

    /// Reasons that are told apart; further ones are counted together as `other`.
    public static let mostReasons = 64

    private let logger: Logger
    private let timeSource: any TimeSource
    private var entries: [String: Entry] = [:]

    /// A counter that logs to `logger`, once a minute of `timeSource`'s monotonic clock.
    public init(logger: Logger, timeSource: any TimeSource) {
        self.logger = logger
        self.timeSource = timeSource
    }

    /// What was dropped in all.
    public var total: Int { entries.values.reduce(0) { $0 + $1.total } }

    /// What was dropped for `reason`, which is a constant text.
    public func total(of reason: String) -> Int { entries[reason]?.total ?? 0 }

    /// What was dropped, by reason.
    public var totals: [String: Int] { entries.mapValues(\.total) }

    /// Counts one drop for `reason`, a constant text; `detail` is logged beside it.
    public mutating func count(_ reason: String, detail: @autoclosure () -> String) {
        let isKnown = entries[reason] != nil || entries.count < Self.mostReasons
        let key = isKnown ? reason : "other"
        var entry = entries[key] ?? Entry()
        entry.total += 1
        entry.unreported += 1
        let now = timeSource.monotonic
        if entry.lastReport.map({ now - $0 >= BusLimits.dropReportInterval }) ?? true {
            logger.warning(
                "dropped what does not fit",
                metadata: [
                    "reason": "\(key)", "detail": "\(detail().prefix(500))",
                    "count": "\(entry.unreported)", "total": "\(entry.total)",
                ]
            )
            entry.unreported = 0
            entry.lastReport = now
        }
        entries[key] = entry
    }
}

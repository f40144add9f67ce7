internal import Logging
internal import Telemetry

/// Counts peers that did not get in, and logs each address once a minute at most.
struct StrangerLog {
    private struct Entry {
        var lastReport: Duration
        var unreported = 0
    }

    private let logger: Logger
    private let time: any TimeSource
    private var entries: [String: Entry] = [:]
    /// How many there were in all.
    private(set) var total = 0

    init(logger: Logger, time: any TimeSource) {
        self.logger = logger
        self.time = time
    }

    /// Counts one; `key` is what it proved, where it came so far.
    mutating func count(_ address: String?, key: String?, _ reason: String) {
        total += 1
        let now = time.monotonic
        let address = address ?? "unknown"
        if entries.count >= BusLimits.mostStrangers, entries[address] == nil {
            entries = entries.filter {
                now - $0.value.lastReport < BusLimits.strangerReportInterval
            }
        }
        let isTold = entries[address] != nil || entries.count < BusLimits.mostStrangers
        let name = isTold ? address : "many addresses"
        if var entry = entries[name], now - entry.lastReport < BusLimits.strangerReportInterval {
            entry.unreported += 1
            entries[name] = entry
            return
        }
        logger.warning(
            "a stranger was not let in",
            metadata: [
                "address": "\(name)", "key": "\(key ?? "none")", "reason": "\(reason)",
                "before": "\(entries[name]?.unreported ?? 0)", "total": "\(total)",
            ]
        )
        entries[name] = Entry(lastReport: now)
    }
}

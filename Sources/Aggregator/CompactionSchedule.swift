package import Archive
package import SiteConfig
internal import Telemetry

/// Which day is compacted next.
///
/// Every day that is over is looked at once a day, since samples grow old, and once more when the
/// pins change; one that was refused after an hour, since a disk may have room then.
package struct CompactionSchedule {
    private var newest: String?
    private var pins: [Pin]?
    private var due: [String] = []
    private var refused: [String: (report: CompactedDay, retry: Duration)] = [:]

    /// A schedule that has looked at nothing.
    package init() {}

    /// Takes note of the days that are over, oldest first, and of what is pinned; nil where that
    /// cannot be read.
    package mutating func begin(_ days: [String], pins: [Pin]?, at now: Duration) {
        if days.last != newest || pins != self.pins {
            due = days.reversed()
            (newest, self.pins) = (days.last, pins)
        }
        for (day, last) in refused.sorted(by: { $0.key < $1.key }) where last.retry <= now {
            refused[day]?.retry = now + AggregatorLimits.compactionRetry
            if days.contains(day), !due.contains(day) { due.append(day) }
        }
    }

    /// The next day; nil where there is nothing to do for now.
    package var next: String? { due.first }

    /// Takes note of what became of the next day.
    package mutating func note(_ report: CompactedDay, at now: Duration) {
        due.removeAll { $0 == report.day }
        switch report.outcome {
        case .refused: refused[report.day] = (report, now + AggregatorLimits.compactionRetry)
        case .waits: refused[report.day] = (report, now + AggregatorLimits.compactionPeriod)
        case .asItWas, .compacted, .wouldBeCompacted: refused[report.day] = nil
        }
    }

    /// The days that stay as they are for a reason, newest first.
    package var refusals: [CompactedDay] {
        refused.sorted { $0.key > $1.key }.map(\.value.report).filter { report in
            if case .refused = report.outcome { true } else { false }
        }
    }
}

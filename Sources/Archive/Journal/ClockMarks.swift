internal import ArchiveFormat
internal import Telemetry

/// Rows of the ledger about samples that are there, but were dated by a clock that was off.
///
/// At most two a feed, whatever it sends: one for samples dated before they were published, one
/// for those dated after. What comes late but is dated right is none of them.
struct ClockMarks {
    private struct Key: Hashable {
        let instance: String, feed: String, isBefore: Bool
    }

    private struct Mark {
        var from: Int64, to: Int64, count: Int64 = 0, worst: Int64 = 0
    }

    private var marks: [Key: Mark] = [:]
    /// What the aggregator entered of the clocks of hosts.
    private var hosts: [LedgerEntry] = []

    /// Looks at the times of the rows of one record.
    mutating func note(_ record: JournalBlocks) {
        let bounds = Timestamp.publishable
        let published = min(max(bounds.lowerBound, record.published), bounds.upperBound).nanoseconds
        let earliest = published - record.source.tolerance
        let latest = published + Self.tolerance
        guard record.rows.earliest < earliest || record.rows.latest > latest else { return }
        record.rows.forEachTime(record.source.types) { time in
            guard time < earliest || time > latest else { return }
            enter(time, published, record.source, isBefore: time < earliest)
        }
    }

    private static let tolerance = Duration.clockTolerance.nanoseconds

    private mutating func enter(
        _ time: Int64,
        _ published: Int64,
        _ source: JournalFeed,
        isBefore: Bool
    ) {
        let key = Key(instance: source.instance, feed: source.feed.name, isBefore: isBefore)
        var mark = marks[key] ?? Mark(from: time, to: time)
        mark.from = min(mark.from, time)
        mark.to = max(mark.to, time)
        mark.count += 1
        let distance = (Int128(time) - Int128(published)).magnitude
        mark.worst = max(mark.worst, Int64(clamping: distance))
        marks[key] = mark
    }

    /// Takes a row of the kind `clock`, and puts those together that join on to each other.
    mutating func note(_ entry: LedgerEntry) {
        if let last = hosts.lastIndex(where: { $0.instance == entry.instance }),
            hosts[last].epoch == entry.epoch, let count = hosts[last].count, let more = entry.count,
            hosts[last].positions?.upperBound == entry.first
        {
            hosts[last].count = count + more
            hosts[last].from = min(hosts[last].from, entry.from)
            hosts[last].to = max(hosts[last].to, entry.to)
        } else {
            hosts.append(entry)
        }
    }

    /// Leaves out what was not committed.
    mutating func cut(at limit: CursorTable) {
        hosts.removeAll { !limit.covers($0) }
    }

    /// The rows.
    var entries: [LedgerEntry] {
        let samples = marks.map { key, mark in
            LedgerEntry(
                kind: .clock,
                instance: key.instance,
                feed: key.feed,
                from: Timestamp(nanoseconds: mark.from),
                to: Timestamp(nanoseconds: mark.to) + .nanoseconds(1),
                count: mark.count,
                cause: "dated up to \(mark.worst / 1_000_000_000) s "
                    + (key.isBefore ? "before" : "after") + " they were published"
            )
        }
        return hosts
            + samples.sorted {
                ($0.instance, $0.feed ?? "", $0.from) < ($1.instance, $1.feed ?? "", $1.from)
            }
    }
}

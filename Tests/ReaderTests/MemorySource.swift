import CerroTesting
import Synchronization
import Telemetry

@testable import Archive
@testable import Reader

/// Samples in memory, answered as the archive answers them.
final class MemorySource: SampleSource {
    /// One timeline: its declaration, rows in order of time, and how far it is final.
    struct Line {
        var feed: Feed
        var timestamps: [Timestamp]
        var columns: [Column]
        var finalizedUntil = Timestamp(nanoseconds: 0)
        var revision: Int64 = 0
    }

    /// Timelines by `instance.feed`.
    let lines: [String: Line]
    let ledger: [LedgerEntry]
    /// Called at the start of every slice, on the thread that reads.
    let onSlice: @Sendable () -> Void
    private let calls = Mutex(0)

    init(
        _ lines: [String: Line],
        ledger: [LedgerEntry] = [],
        onSlice: @escaping @Sendable () -> Void = {}
    ) {
        self.lines = lines
        self.ledger = ledger
        self.onSlice = onSlice
    }

    /// How many slices were read.
    var sliceCount: Int { calls.withLock { $0 } }

    func refresh() throws(QueryError) {}

    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] {
        var found: [FieldSummary] = []
        for (name, line) in lines {
            let parts = name.split(separator: ".").map(String.init)
            for (index, field) in line.feed.fields.enumerated() {
                let rows = line.timestamps.indices.filter {
                    range.contains(line.timestamps[$0]) && line.columns[index].isPresent($0)
                }
                guard let first = rows.first, let last = rows.last else { continue }
                found.append(
                    FieldSummary(
                        name: FieldName(instance: parts[0], feed: parts[1], field: field.name),
                        field: field,
                        period: line.feed.period,
                        lateness: line.feed.lateness,
                        first: line.timestamps[first],
                        last: line.timestamps[last],
                        count: Int64(rows.count)
                    )
                )
            }
        }
        return found
    }

    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice {
        calls.withLock { $0 += 1 }
        onSlice()
        let line = lines[fields[0].timeline]
        let places = fields.map { name in
            line?.feed.fields.firstIndex { $0.name == name.field }
        }
        let rows =
            line?.timestamps.indices.filter {
                range.contains(line?.timestamps[$0] ?? Timestamp(nanoseconds: -1))
            } ?? []
        let kept = Array(rows.prefix(limit))
        return TimelineSlice(
            timestamps: kept.compactMap { line?.timestamps[$0] },
            columns: places.map { place in
                guard let place, let line else {
                    return Column(missing: .double, count: kept.count)
                }
                return line.columns[place].picked(kept)
            },
            fields: places.map { place in place.flatMap { line?.feed.fields[$0] } },
            leftOut: rows.count - kept.count,
            revision: line?.revision ?? 0
        )
    }

    func buckets(
        of fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets? {
        try reduced(fields, on: grid, limit: limit, deadline)
    }

    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? {
        lines["\(instance).\(feed)"]?.finalizedUntil
    }

    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts] {
        lines.filter { isWanted($0.key) }.map { name, line in
            RowCounts(
                instance: String(name.prefix { $0 != "." }),
                feed: line.feed,
                rows: zip(edges, edges.dropFirst()).map { start, end in
                    Int64(line.timestamps.filter { (start..<end).contains($0) }.count)
                }
            )
        }
    }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] {
        ledger.filter { $0.from < range.upperBound && $0.to > range.lowerBound }
    }
}

/// The instant that many seconds after a full hour of 2026, on the epoch's grid.
func at(_ seconds: Double) -> Timestamp {
    Timestamp(seconds: 1_795_240_800) + .nanoseconds(Int64((seconds * 1e9).rounded()))
}

/// A deadline that is never over.
let noDeadline = Deadline(ManualTimeSource(at(0)), after: .seconds(1))

/// The cryostat `cryo.temps` with one double a second from 0 on, `4.0 + second`.
func cryostat(seconds: Int, revision: Int64 = 0, finalizedUntil: Timestamp = at(0)) -> MemorySource
{
    MemorySource([
        "cryo.temps": .init(
            feed: Feed(
                "temps",
                fields: [Field("stage", unit: .kelvin, description: "cold stage")],
                period: .seconds(1)
            ),
            timestamps: (0..<seconds).map { at(Double($0)) },
            columns: [.doubles((0..<seconds).map { 4.0 + Double($0) })],
            finalizedUntil: finalizedUntil,
            revision: revision
        )
    ])
}

/// The instant as the bus carries it: its nanoseconds, the lowest byte first.
func bytes(of instant: Timestamp) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: instant.nanoseconds >> ($0 * 8)) }
}

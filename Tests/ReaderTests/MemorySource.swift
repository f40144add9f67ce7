import Archive
import Synchronization
import Telemetry

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

    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? {
        lines["\(instance).\(feed)"]?.finalizedUntil
    }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] {
        ledger.filter { $0.from < range.upperBound && $0.to > range.lowerBound }
    }
}

/// A clock that stands still until it is set.
final class HeldClock: TimeSource {
    private let state: Mutex<(now: Timestamp, monotonic: Duration)>

    init(_ now: Timestamp) { state = Mutex((now, .zero)) }

    var now: Timestamp { state.withLock { $0.now } }
    var monotonic: Duration { state.withLock { $0.monotonic } }

    func advance(by duration: Duration) {
        state.withLock {
            $0.now = $0.now + duration
            $0.monotonic += duration
        }
    }

    func sleep(untilMonotonic deadline: Duration) async throws {
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        continuation.finish()
        throw CancellationError()
    }
}

/// A generator whose numbers follow from its seed (splitmix64).
///
/// Source: G. Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The instant that many seconds after a full hour of 2026, on the epoch's grid.
func at(_ seconds: Double) -> Timestamp {
    Timestamp(seconds: 1_795_240_800) + .nanoseconds(Int64((seconds * 1e9).rounded()))
}

/// A deadline that is never over.
let noDeadline = Deadline(HeldClock(at(0)), after: .seconds(1))

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

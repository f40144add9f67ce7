internal import Telemetry

/// Reduces slices of a timeline to buckets, for what no roll-ups are there of.
public struct SliceReduction {
    private var reduction: BucketReduction
    private var arrival = 0
    private var revision: Int64 = 0

    /// A reduction of `fields`, names within a feed, to the buckets of `grid`.
    public init(fields: [String], _ grid: BucketGrid) {
        reduction = BucketReduction(grid, fields: fields)
    }

    /// How many buckets of all fields there are.
    public var count: Int { reduction.count }

    /// Adds the first `rows` rows of a slice of these fields.
    public mutating func add(_ slice: TimelineSlice, rows: Int) {
        revision = slice.revision
        let times = slice.timestamps[..<rows].map(\.nanoseconds)
        guard let first = times.first, let last = times.last else { return }
        let declared = reduction.declare(Feed("joined", fields: slice.fields.compactMap(\.self)))
        reduction.note(declared, .raw, arrival: arrival, from: first, to: last)
        let stretches = reduction.stretches(times, times.indices)
        for (index, column) in slice.columns.enumerated() where slice.fields[index] != nil {
            reduction.add(column, index, declared, times, stretches, arrival: arrival)
        }
        arrival += 1
    }

    /// The buckets in order of time.
    public var buckets: TimelineBuckets { reduction.gathered(revision: revision) }
}

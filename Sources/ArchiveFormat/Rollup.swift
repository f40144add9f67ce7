public import Telemetry

/// The statistics of a group of rows, bucket by bucket on the grid of a tier.
public enum Rollup {
    /// The buckets of sorted `times` that hold a row: where each begins and which rows it has.
    public static func buckets(
        _ times: ArraySlice<Int64>,
        tier: RollupTier
    ) -> [(start: Int64, rows: Range<Int>)] {
        var buckets: [(start: Int64, rows: Range<Int>)] = []
        for row in times.indices {
            let start = tier.start(of: Timestamp(nanoseconds: times[row])).nanoseconds
            if let last = buckets.last, last.start == start {
                buckets[buckets.count - 1].rows = last.rows.lowerBound..<(row + 1)
            } else {
                buckets.append((start, row..<(row + 1)))
            }
        }
        return buckets
    }

    /// Whether so many rows are worth so many buckets.
    public static func isWorthwhile(rows: Int, buckets: Int) -> Bool {
        rows >= buckets * SealedLimits.samplesPerBucket
    }

    /// The statistics of N buckets as two columns of one chunk: counts (2 N integers: numbers,
    /// then NaNs) are in `counts`, and 3 N doubles (min, max, sum) in `numbers`.
    public static func columns(_ statistics: [Statistics]) -> (counts: Column, numbers: Column) {
        (
            .ints(statistics.map(\.count) + statistics.map(\.notNumbers)),
            .doubles(
                statistics.map(\.min) + statistics.map(\.max) + statistics.map(\.sum)
            )
        )
    }

    /// The statistics in the columns that ``columns(_:)`` gave; nil if they are none.
    public static func statistics(counts: Column, numbers: Column) -> [Statistics]? {
        guard case .ints(let counts) = counts.values, case .doubles(let numbers) = numbers.values,
            counts.count % 2 == 0, numbers.count == counts.count / 2 * 3
        else { return nil }
        let n = counts.count / 2
        return (0..<n).map { bucket in
            var result = Statistics()
            result.count = counts[bucket]
            result.notNumbers = counts[n + bucket]
            result.min = numbers[bucket]
            result.max = numbers[n + bucket]
            result.sum = numbers[2 * n + bucket]
            return result
        }
    }
}

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

    /// The statistics of N buckets as columns.
    ///
    /// `counts` is 2 N integers, the numbers and then the NaNs; nil where each bucket has as many
    /// numbers as `rows` says. `numbers` is the least, the most and the sums, N doubles each.
    public static func columns(
        _ statistics: [Statistics],
        rows: [Int]
    ) -> (counts: Column?, numbers: [Column]) {
        let isWhole = zip(statistics, rows).allSatisfy { $0.count == $1 }
        return (
            isWhole ? nil : .ints(statistics.map(\.count) + statistics.map(\.notNumbers)),
            [
                .doubles(statistics.map(\.min)), .doubles(statistics.map(\.max)),
                .doubles(statistics.map(\.sum)),
            ]
        )
    }

    /// The statistics in columns: 2 N counts, nil where `rows` says them, and 3 N numbers.
    ///
    /// Nil if they are none.
    public static func statistics(
        counts: [Int64]?,
        rows: [Int64],
        numbers: [Double]
    ) -> [Statistics]? {
        let n = numbers.count / 3
        guard numbers.count == 3 * n, counts.map({ $0.count == 2 * n }) ?? (rows.count == n) else {
            return nil
        }
        return (0..<n).map { bucket in
            var result = Statistics()
            result.count = counts?[bucket] ?? rows[bucket]
            result.notNumbers = counts?[n + bucket] ?? 0
            result.min = numbers[bucket]
            result.max = numbers[n + bucket]
            result.sum = numbers[2 * n + bucket]
            return result
        }
    }
}

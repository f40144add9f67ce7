public import Telemetry

/// The statistics of a group of rows, bucket by bucket on the grid of a tier.
public enum Rollup {
    /// The buckets of sorted `times` that hold a row: where each begins and which rows it has.
    public static func buckets(
        _ times: ArraySlice<Int64>,
        tier: RollupTier
    ) -> [(start: Int64, rows: Range<Int>)] {
        let buckets = TierBuckets(tier, times)
        return zip(buckets.starts, buckets.rows).map { start, rows in
            (start, (times.startIndex + rows.lowerBound)..<(times.startIndex + rows.upperBound))
        }
    }

    /// The tiers that are worth their bytes for rows at the sorted `times`, with their buckets;
    /// hours always, where that is asked for.
    static func tiers(_ times: ArraySlice<Int64>, alwaysHours: Bool = false) -> [TierBuckets] {
        RollupTier.allCases.compactMap { tier in
            let buckets = TierBuckets(tier, times)
            let isWorthwhile =
                times.count >= buckets.starts.count * SealedLimits.samplesPerBucket
                && (tier == .minute || buckets.starts.count >= SealedLimits.hoursPerRollup)
            return isWorthwhile || tier == .hour && alwaysHours ? buckets : nil
        }
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
            isWhole ? nil : .ints(statistics.map { $0.count } + statistics.map { $0.notNumbers }),
            [
                .doubles(statistics.map { $0.min }), .doubles(statistics.map { $0.max }),
                .doubles(statistics.map { $0.sum }),
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

/// The buckets of a tier that hold a row.
struct TierBuckets {
    let tier: RollupTier
    /// Where each bucket begins.
    private(set) var starts: [Int64] = []
    /// Which rows it has, counted from 0.
    private(set) var rows: [Range<Int>] = []

    /// The buckets of rows at the sorted `times`.
    init(_ tier: RollupTier, _ times: ArraySlice<Int64>) {
        self.tier = tier
        var first = times.startIndex
        while first < times.endIndex {
            let start = tier.start(of: Timestamp(nanoseconds: times[first])).nanoseconds
            let (end, overflow) = start.addingReportingOverflow(tier.nanoseconds)
            let next =
                overflow ? times.endIndex : Self.firstPlace(in: times, behind: first, from: end)
            starts.append(start)
            rows.append((first - times.startIndex)..<(next - times.startIndex))
            first = next
        }
    }

    /// The first place behind `place` whose time is not before `end`: in steps that double, since
    /// it is mostly near.
    private static func firstPlace(
        in times: ArraySlice<Int64>,
        behind place: Int,
        from end: Int64
    ) -> Int {
        var (low, step) = (place, 1)
        while low + step < times.endIndex, times[low + step] < end {
            low += step
            step *= 2
        }
        var high = min(low + step, times.endIndex)
        while high - low > 1 {
            let middle = (low + high) / 2
            if times[middle] < end { low = middle } else { high = middle }
        }
        return high
    }
}

internal import Telemetry

/// What some rows of a column amount to, all together and in the buckets of some tiers.
struct ColumnAmounts {
    /// What they amount to in the buckets of a tier.
    enum Tier {
        /// Where integers stand for the numbers: they tell it faster, and without an error.
        case integers([ScaledIntegers.Summary], ExactScaling)
        case statistics([Statistics])
    }

    /// All of them together.
    let whole: Statistics
    /// For each tier; nil of texts.
    let tiers: [Tier?]

    /// What `rows` of `column` amount to, which `encoder` has encoded last.
    init(
        of column: SourceColumn,
        _ rows: Range<Int>,
        _ tiers: [TierBuckets],
        encodedBy encoder: ChunkEncoder
    ) {
        guard column.type != .string else {
            var count = Statistics()
            count.count = Int64(column.presence.map { $0[rows].count { $0 } } ?? rows.count)
            whole = count
            self.tiers = tiers.map { _ in nil }
            return
        }
        if let integers = encoder.integers {
            let found = tiers.map { $0.rows.map { integers.summary(of: $0) } }
            let all = found.max { $0.count < $1.count } ?? [integers.summary(of: 0..<rows.count)]
            let summary = ScaledIntegers.Summary(all)
            if integers.isExact(summary) {
                whole = integers.statistics(summary, count: rows.count)
                self.tiers = found.map { .integers($0, integers.scaling) }
                return
            }
        }
        let digits = DecimalDigits(encoder.scaling)
        let column = column.column
        func statistics(_ own: Range<Int>) -> Statistics {
            let statistics = Statistics(
                column,
                rows: (rows.lowerBound + own.lowerBound)..<(rows.lowerBound + own.upperBound)
            )
            return digits?.rounded(statistics) ?? statistics
        }
        whole = statistics(0..<rows.count)
        self.tiers = tiers.map { tier in
            .statistics(tier.rows.map(statistics))
        }
    }
}

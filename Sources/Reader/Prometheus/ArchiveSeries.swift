internal import Archive
internal import PromQL
internal import Telemetry

/// The fields of the archive as series: numbers as they are, truth values as 0 and 1, no texts.
struct ArchiveSeries: SeriesSource {
    /// One field, and how it is called.
    struct Known {
        let summary: FieldSummary
        let labels: [String: String]
    }

    let engine: QueryEngine
    let labels: SeriesLabels
    let deadline: Deadline

    /// The fields with samples in the range that all matchers of one of the lists fit.
    func fields(
        _ anyOf: [[LabelMatcher]],
        in range: Range<Timestamp>
    ) throws(QueryError) -> [Known] {
        try deadline.check()
        return try engine.archive.fields(in: range)
            .filter { $0.field.type != .string }
            .map { Known(summary: $0, labels: labels.labels(of: $0)) }
            .filter { known in
                anyOf.contains { matchers in
                    matchers.allSatisfy { $0.matches(known.labels[$0.label] ?? "") }
                }
            }
            .sorted { $0.summary.name < $1.summary.name }
    }

    func latest(
        _ matchers: [LabelMatcher],
        at steps: Steps
    ) throws(QueryError) -> [Series] {
        let (first, last) = (steps[0], steps[steps.count - 1])
        // Which fields there are is asked for the longest look-back that any of them may have.
        let known = try fields([matchers], in: through(last, after: first - Self.longestLookBack))
        var series: [Series] = []
        for group in timelines(of: known) {
            let lookBack = Self.lookBack(of: group[0].summary)
            let samples = try samples(of: group, after: first - lookBack - .nanoseconds(1), last)
            series += samples.map { $0.latest(at: steps, lookBack: lookBack) }
        }
        return series
    }

    func samples(
        _ matchers: [LabelMatcher],
        after start: Timestamp,
        through end: Timestamp
    ) throws(QueryError) -> [SampledSeries] {
        let known = try fields([matchers], in: through(end, after: start))
        var series: [SampledSeries] = []
        for group in timelines(of: known) { series += try samples(of: group, after: start, end) }
        return series.filter { !$0.times.isEmpty }
    }

    func buckets(
        _ matchers: [LabelMatcher],
        _ row: BucketRow
    ) throws(QueryError) -> [BucketedSeries] {
        let start = row.start - .nanoseconds(1)
        let end = row.start + row.width * row.count - .nanoseconds(1)
        return try samples(matchers, after: start, through: end).map { $0.buckets(row) }
    }

    /// Those of one feed of one instance together, since they are read together.
    private func timelines(of known: [Known]) -> [[Known]] {
        Dictionary(grouping: known) { $0.summary.name.timeline }
            .sorted { $0.key < $1.key }
            .map(\.value)
    }

    private func samples(
        of group: [Known],
        after start: Timestamp,
        _ end: Timestamp
    ) throws(QueryError) -> [SampledSeries] {
        try deadline.check()
        let most = engine.allowance / group.count
        let slice = try engine.archive.slice(
            of: group.map(\.summary.name),
            in: through(end, after: start),
            limit: most
        )
        guard slice.leftOut == 0 else {
            throw .limit(
                what: "values",
                found: nil,
                limit: engine.allowance,
                advice: "ask for a shorter time or fewer series, or use avg_over_time, "
                    + "min_over_time or max_over_time, which need no samples"
            )
        }
        return zip(group, slice.columns).map { known, column in
            let rows = (0..<column.count).filter(column.isPresent)
            return SampledSeries(
                labels: known.labels,
                times: rows.map { slice.timestamps[$0] },
                values: rows.map { column.number($0) }
            )
        }
    }

    private func through(_ end: Timestamp, after start: Timestamp) -> Range<Timestamp> {
        let (first, next) = (start + .nanoseconds(1), end + .nanoseconds(1))
        return (first..<max(first, next)).clamped(to: Timestamp.publishable)
    }

    /// How old a sample may be: a field that comes every ten minutes is not gone after five.
    private static func lookBack(of summary: FieldSummary) -> Duration {
        min(max(PromQLLimits.lookBack, (summary.period ?? .zero) * 3), longestLookBack)
    }

    /// A day: a field that is rarer than that shows as gaps.
    private static let longestLookBack = Duration.seconds(86_400)
}

extension SampledSeries {
    /// What buckets say about its samples, all of which lie within them.
    fileprivate func buckets(_ row: BucketRow) -> BucketedSeries {
        var buckets = [BucketedSeries.Bucket](repeating: .init(), count: row.count)
        for (time, value) in zip(times, values) {
            let number = Int((time - row.start).nanoseconds / row.width.nanoseconds)
            buckets[number].add(value)
        }
        return BucketedSeries(labels: labels, buckets: buckets)
    }

    /// The newest sample at or before each step, if it is not older than `lookBack`.
    fileprivate func latest(at steps: Steps, lookBack: Duration) -> Series {
        var end = 0
        let values = (0..<steps.count).map { number -> Double? in
            let step = steps[number]
            while end < times.count, times[end] <= step { end += 1 }
            guard end > 0, times[end - 1] >= step - lookBack else { return nil }
            return self.values[end - 1]
        }
        return Series(labels: labels, values: values)
    }
}

extension Column {
    /// A value as PromQL has it.
    fileprivate func number(_ row: Int) -> Double {
        switch values {
        case .doubles(let values): values[row]
        case .ints(let values): Double(values[row])
        case .bools(let values): values[row] ? 1 : 0
        case .strings: .nan
        }
    }
}

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
    var rowsPerLook = ReaderLimits.rowsPerLook

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

    /// From roll-ups, where they are exact for a bucket.
    func buckets(
        _ matchers: [LabelMatcher],
        between edges: [Timestamp]
    ) throws(QueryError) -> [BucketedSeries] {
        let all = Timestamp.publishable
        let grid = BucketGrid(edges: edges.map { min(max($0, all.lowerBound), all.upperBound) })
        guard !grid.range.isEmpty else { return [] }
        let known = try fields([matchers], in: grid.range)
        guard known.count * grid.count <= PromQLLimits.buckets else {
            throw .expression(
                .limit(
                    what: "buckets",
                    limit: PromQLLimits.buckets,
                    advice: "ask with a larger step, for less time or fewer series"
                )
            )
        }
        var series: [BucketedSeries] = []
        for group in timelines(of: known) {
            let found = try engine.archive.buckets(
                of: group.map(\.summary.name),
                on: grid,
                limit: PromQLLimits.buckets,
                deadline
            )
            guard let found else { continue }
            for (known, columns) in zip(group, found.columns) {
                guard let columns else { continue }
                series.append(
                    BucketedSeries(
                        labels: known.labels,
                        buckets: columns.buckets(at: found.ranges, on: grid)
                    )
                )
            }
        }
        return series
    }

    /// Those of one feed of one instance together, since they are read together.
    func timelines(of known: [Known]) -> [[Known]] {
        Dictionary(grouping: known) { $0.summary.name.timeline }
            .sorted { $0.key < $1.key }
            .map(\.value)
    }

    func samples(
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

    func through(_ end: Timestamp, after start: Timestamp) -> Range<Timestamp> {
        let (first, next) = (start + .nanoseconds(1), end + .nanoseconds(1))
        return (first..<max(first, next)).clamped(to: Timestamp.publishable)
    }
}

extension BucketColumns {
    /// Each bucket of the grid, those without samples too.
    fileprivate func buckets(
        at ranges: [Range<Timestamp>],
        on grid: BucketGrid
    ) -> [BucketedSeries.Bucket] {
        var buckets = [BucketedSeries.Bucket](repeating: .init(), count: grid.count)
        for (row, range) in ranges.enumerated() where count[row] > 0 {
            guard let place = grid.bucket(at: range.lowerBound.nanoseconds) else { continue }
            buckets[place].count = Int(count[row])
            buckets[place].numbers = Int(count[row] - nans[row])
            guard buckets[place].numbers > 0 else { continue }
            buckets[place].smallest = min.number(row)
            buckets[place].largest = max.number(row)
            buckets[place].sum = sum[row]
        }
        return buckets
    }
}

extension Column {
    /// A value as PromQL has it.
    func number(_ row: Int) -> Double {
        switch values {
        case .doubles(let values): values[row]
        case .ints(let values): Double(values[row])
        case .bools(let values): values[row] ? 1 : 0
        case .strings: .nan
        }
    }
}

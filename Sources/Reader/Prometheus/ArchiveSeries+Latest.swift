internal import Archive
internal import PromQL
internal import Telemetry

extension ArchiveSeries {
    func latest(
        _ matchers: [LabelMatcher],
        at steps: Steps,
        within age: Duration?
    ) throws(QueryError) -> [Series] {
        let (first, last) = (steps[0], steps[steps.count - 1])
        // Which fields there are is asked for the longest look-back that any of them may have.
        let oldest = first - (age ?? Self.longestLookBack) - .nanoseconds(1)
        let known = try fields([matchers], in: through(last, after: oldest))
        var series: [Series] = []
        for group in timelines(of: known) {
            let age = age ?? Self.lookBack(of: group[0].summary)
            if isSparse(steps, group) {
                series += try sought(group, at: steps, within: age)
            } else {
                let samples = try samples(of: group, after: first - age - .nanoseconds(1), last)
                series += samples.map { $0.latest(at: steps, within: age) }
            }
        }
        return series
    }

    /// How old a sample may be: a field that comes every ten minutes is not gone after five.
    private static func lookBack(of summary: FieldSummary) -> Duration {
        min(max(PromQLLimits.lookBack, (summary.period ?? .zero) * 3), longestLookBack)
    }

    /// A day: a field that is rarer than that shows as gaps.
    private static let longestLookBack = Duration.seconds(86_400)

    /// Whether so many samples lie between two steps that looking before each step is less work
    /// than reading them all.
    private func isSparse(_ steps: Steps, _ group: [Known]) -> Bool {
        let span = steps[steps.count - 1] - steps[0]
        let rows = span.inSeconds / interval(of: group).inSeconds
        return rows * Double(group.count) > Double(engine.pieceValues)
            && rows > Double(steps.count * rowsPerLook)
    }

    /// The time between two samples: declared, or as it is on the whole.
    private func interval(of group: [Known]) -> Duration {
        let summary = group[0].summary
        if let period = summary.period, period > .zero { return period }
        let span = (summary.last - summary.first).nanoseconds
        return .nanoseconds(max(1, span / max(1, summary.count)))
    }

    /// The newest samples before each step, looked for in ever longer stretches before it.
    private func sought(
        _ group: [Known],
        at steps: Steps,
        within age: Duration
    ) throws(QueryError) -> [Series] {
        var newest: [(time: Timestamp, value: Double)?] = Array(repeating: nil, count: group.count)
        var values: [[Double?]] = Array(repeating: [], count: group.count)
        for number in 0..<steps.count {
            let step = steps[number]
            let oldest = step - age
            // What was found for the step before is the newest until then.
            let start = number == 0 ? oldest : max(oldest, steps[number - 1] + .nanoseconds(1))
            try look(for: group, from: start, through: step, &newest)
            for field in group.indices {
                let found = newest[field].flatMap { $0.time >= oldest ? $0.value : nil }
                values[field].append(found)
            }
        }
        return zip(group, values).map { Series(labels: $0.labels, values: $1) }
    }

    /// Takes in the newest sample of each field from `start` to `end`, both included.
    private func look(
        for group: [Known],
        from start: Timestamp,
        through end: Timestamp,
        _ newest: inout [(time: Timestamp, value: Double)?]
    ) throws(QueryError) {
        var missing = Array(group.indices)
        var width = interval(of: group) * 4
        var end = end
        while !missing.isEmpty, end >= start {
            let from = end - start > width ? end - width : start
            let samples = try samples(
                of: missing.map { group[$0] },
                after: from - .nanoseconds(1),
                end
            )
            for (field, found) in zip(missing, samples) {
                guard let time = found.times.last, let value = found.values.last else { continue }
                newest[field] = (time, value)
                missing.removeAll { $0 == field }
            }
            end = from - .nanoseconds(1)
            width = width * 4
        }
    }
}

extension SampledSeries {
    /// The newest sample at or before each step, if it is not older than `age`.
    fileprivate func latest(at steps: Steps, within age: Duration) -> Series {
        var end = 0
        let values = (0..<steps.count).map { number -> Double? in
            let step = steps[number]
            while end < times.count, times[end] <= step { end += 1 }
            guard end > 0, times[end - 1] >= step - age else { return nil }
            return self.values[end - 1]
        }
        return Series(labels: labels, values: values)
    }
}

internal import Telemetry

extension Evaluator {
    /// A function of the window before each step.
    func overTime(
        _ function: OverTime,
        _ selector: Selector,
        _ window: Duration
    ) throws -> [Series] {
        let steps = steps.earlier(by: selector.offset)
        guard function.isFromStatistics else {
            let last = steps[steps.count - 1]
            let found = try source.samples(
                selector.matchers,
                after: steps.start - window,
                through: last
            )
            let series = found.map { $0.values(of: function, window, at: steps) }
            return try function == .last ? series : distinct(series.map(\.nameless))
        }
        let row = try BucketRow(windows: window, before: steps)
        let (perWindow, perStep) = row.counts(window, steps)
        let series = try source.buckets(selector.matchers, row).map { found in
            Series(
                labels: found.labels,
                values: (0..<steps.count).map { number in
                    let first = number * perStep
                    return function.value(of: found.buckets[first..<first + perWindow])
                }
            )
        }
        return try distinct(series.map(\.nameless))
    }
}

extension BucketRow {
    /// The widest buckets of which the windows before all steps consist.
    init(windows window: Duration, before steps: Steps) throws(PromQLError) {
        let (step, long) = (steps.step.nanoseconds, window.nanoseconds)
        let width = steps.count == 1 ? long : Self.greatestCommonDivisor(step, long)
        let span = (steps[steps.count - 1] - steps.start).nanoseconds + long
        guard span / width <= Int64(PromQLLimits.buckets) else {
            throw .limit(
                what: "buckets of \(Duration.nanoseconds(width).inSeconds) s",
                limit: PromQLLimits.buckets,
                advice: "let the window be a multiple of the step"
            )
        }
        self.init(
            start: steps.start - window,
            width: .nanoseconds(width),
            count: Int(span / width)
        )
    }

    /// How many buckets a window and a step are.
    func counts(_ window: Duration, _ steps: Steps) -> (window: Int, step: Int) {
        let width = width.nanoseconds
        return (Int(window.nanoseconds / width), Int(steps.step.nanoseconds / width))
    }

    private static func greatestCommonDivisor(_ left: Int64, _ right: Int64) -> Int64 {
        var (larger, smaller) = (left, right)
        while smaller > 0 { (larger, smaller) = (smaller, larger % smaller) }
        return larger
    }
}

extension OverTime {
    /// Its value for the samples of some buckets; nil without any.
    fileprivate func value(of buckets: ArraySlice<BucketedSeries.Bucket>) -> Double? {
        var all = BucketedSeries.Bucket()
        for bucket in buckets where bucket.count > 0 { all.add(bucket) }
        guard all.count > 0 else { return nil }
        if self == .count { return Double(all.count) }
        guard all.numbers > 0 else { return .nan }
        return switch self {
        case .smallest: all.smallest
        case .largest: all.largest
        case .sum: all.sum
        default: all.sum / Double(all.numbers)
        }
    }
}

extension SampledSeries {
    /// A function of the samples in the window before each step.
    fileprivate func values(
        of function: OverTime,
        _ window: Duration,
        at steps: Steps
    ) -> Series {
        var (first, end) = (0, 0)
        let values = (0..<steps.count).map { number -> Double? in
            let step = steps[number]
            let start = step - window
            while end < times.count, times[end] <= step { end += 1 }
            while first < end, times[first] <= start { first += 1 }
            let rows = first..<end
            return switch function {
            case .last: rows.isEmpty ? nil : self.values[end - 1]
            case .changes: changes(in: rows)
            case .rate:
                increase(in: rows, start, step, isCounter: true).map { $0 / window.inSeconds }
            default: increase(in: rows, start, step, isCounter: false)
            }
        }
        return Series(labels: labels, values: values)
    }

    /// How often the value is another than before; NaN after NaN is no change.
    private func changes(in rows: Range<Int>) -> Double? {
        guard !rows.isEmpty else { return nil }
        let pairs = zip(values[rows], values[rows].dropFirst())
        return Double(pairs.count { $0 != $1 && !($0.isNaN && $1.isNaN) })
    }

    /// The difference over the whole window, from the samples in it to both its ends.
    ///
    /// The ends are guessed only as far as samples are usually apart; a counter that fell began
    /// anew, and never was below 0.
    ///
    /// Source: Prometheus 2.42, `extrapolatedRate` as the documentation of `rate` describes it.
    private func increase(
        in rows: Range<Int>,
        _ start: Timestamp,
        _ end: Timestamp,
        isCounter: Bool
    ) -> Double? {
        guard rows.count > 1 else { return nil }
        let (first, last) = (rows.lowerBound, rows.upperBound - 1)
        var difference = values[last] - values[first]
        if isCounter {
            for (before, after) in zip(values[rows], values[rows].dropFirst()) where after < before
            {
                difference += before
            }
        }
        let sampled = (times[last] - times[first]).inSeconds
        guard sampled > 0 else { return nil }
        let usual = sampled / Double(rows.count - 1)
        var toStart = (times[first] - start).inSeconds
        if isCounter, difference > 0, values[first] >= 0 {
            toStart = min(toStart, sampled * (values[first] / difference))
        }
        let toEnd = (end - times[last]).inSeconds
        let whole = [toStart, toEnd].reduce(sampled) { sum, part in
            sum + (part < usual * 1.1 ? part : usual / 2)
        }
        return difference * (whole / sampled)
    }
}

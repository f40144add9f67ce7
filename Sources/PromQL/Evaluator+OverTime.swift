internal import Telemetry

extension Evaluator {
    /// A function of the window before each step.
    func overTime(
        _ function: OverTime,
        _ selector: Selector,
        _ window: Duration
    ) throws -> [Series] {
        let steps = steps.earlier(by: selector.offset)
        if function == .last {
            // A window does not hold its start.
            let age = window - .nanoseconds(1)
            return try source.latest(selector.matchers, at: steps, within: age)
        }
        guard function.isFromStatistics else {
            let last = steps[steps.count - 1]
            let found = try source.samples(
                selector.matchers,
                after: steps.start - window,
                through: last
            )
            return try distinct(found.map { $0.values(of: function, window, at: steps).nameless })
        }
        let windows = Windows(window, before: steps)
        let series = try source.buckets(selector.matchers, between: windows.edges).map { found in
            Series(
                labels: found.labels,
                values: windows.sums(of: found.buckets).map { function.value(of: $0) }
            )
        }
        return try distinct(series.map(\.nameless))
    }
}

/// The windows before all steps, and the fewest buckets of which they consist.
private struct Windows {
    /// The edges of the buckets: starts and ends of windows, each once.
    private(set) var edges: [Timestamp] = []
    /// The buckets of each window; neither the first nor the last ones ever decrease.
    private var buckets: [Range<Int>] = []

    init(_ window: Duration, before steps: Steps) {
        var starts: [Int] = []
        var start = 0
        for number in 0..<steps.count {
            while start < steps.count, steps[start] - window <= steps[number] {
                add(steps[start] - window)
                starts.append(edges.count - 1)
                start += 1
            }
            add(steps[number])
            buckets.append(starts[number]..<edges.count - 1)
        }
    }

    private mutating func add(_ edge: Timestamp) {
        if edges.last != edge { edges.append(edge) }
    }

    /// What each window's buckets say together, each bucket looked at twice at most however many
    /// windows hold it.
    func sums(of found: [BucketedSeries.Bucket]) -> [BucketedSeries.Bucket] {
        // Sums of the buckets from each one from `first` to before `middle`, and of those behind.
        var before: [BucketedSeries.Bucket] = []
        var behind = BucketedSeries.Bucket()
        var (first, middle, end) = (0, 0, 0)
        return buckets.map { window in
            // At the first instant of all, nothing lies before.
            guard !window.isEmpty else { return .init() }
            if window.lowerBound >= middle {
                (first, middle, behind) = (window.lowerBound, window.upperBound, .init())
                before = Array(repeating: .init(), count: window.count)
                var sum = BucketedSeries.Bucket()
                for bucket in window.reversed() {
                    sum.add(found[bucket])
                    before[bucket - first] = sum
                }
            } else {
                for bucket in end..<window.upperBound { behind.add(found[bucket]) }
            }
            end = window.upperBound
            var sum = before[window.lowerBound - first]
            sum.add(behind)
            return sum
        }
    }
}

extension OverTime {
    /// Its value for all samples of a window; nil without any.
    fileprivate func value(of all: BucketedSeries.Bucket) -> Double? {
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

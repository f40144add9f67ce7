import PromQL
import Telemetry

/// Series in memory, answered in the plainest way.
struct MemorySource: SeriesSource {
    var series: [SampledSeries] = []

    /// Adds a series with a sample every `period` seconds from 1970 on.
    mutating func add(_ labels: [String: String], every period: Int64, _ values: [Double]) {
        series.append(
            SampledSeries(
                labels: labels,
                times: values.indices.map { Timestamp(seconds: Int64($0) * period) },
                values: values
            )
        )
    }

    func latest(
        _ matchers: [LabelMatcher],
        at steps: Steps,
        within age: Duration?
    ) throws -> [Series] {
        fitting(matchers).map { series in
            Series(
                labels: series.labels,
                values: (0..<steps.count).map { number in
                    let oldest = steps[number] - (age ?? PromQLLimits.lookBack)
                    let row = series.times.lastIndex { $0 <= steps[number] && $0 >= oldest }
                    return row.map { series.values[$0] }
                }
            )
        }
    }

    func samples(
        _ matchers: [LabelMatcher],
        after start: Timestamp,
        through end: Timestamp
    ) throws -> [SampledSeries] {
        fitting(matchers).map { series in
            let rows = series.times.indices.filter {
                series.times[$0] > start && series.times[$0] <= end
            }
            return SampledSeries(
                labels: series.labels,
                times: rows.map { series.times[$0] },
                values: rows.map { series.values[$0] }
            )
        }.filter { !$0.times.isEmpty }
    }

    func buckets(
        _ matchers: [LabelMatcher],
        between edges: [Timestamp]
    ) throws -> [BucketedSeries] {
        fitting(matchers).map { series in
            var buckets = [BucketedSeries.Bucket](repeating: .init(), count: edges.count - 1)
            for (time, value) in zip(series.times, series.values) {
                guard let number = edges.lastIndex(where: { $0 <= time }),
                    number < buckets.count
                else { continue }
                buckets[number].add(value)
            }
            return BucketedSeries(labels: series.labels, buckets: buckets)
        }
    }

    private func fitting(_ matchers: [LabelMatcher]) -> [SampledSeries] {
        series.filter { series in
            matchers.allSatisfy { $0.matches(series.labels[$0.label] ?? "") }
        }
    }
}

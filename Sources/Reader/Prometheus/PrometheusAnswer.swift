internal import PromQL
internal import Telemetry

/// What an answer of Prometheus' HTTP interface says.
///
/// Source: Prometheus 2.42, "HTTP API", <https://prometheus.io/docs/prometheus/2.42/querying/api/>.
enum PrometheusAnswer {
    /// A result for one instant.
    case instant(PromQLQuery.Answer, at: Timestamp)
    /// A result for each step.
    case steps(PromQLQuery.Answer, Steps)
    /// Names, or values of a label.
    case texts([String])
    /// The labels of series.
    case series([[String: String]])
    /// Anything small.
    case value(Value)

    /// The whole answer as JSON.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.raw(#"{"status":"success","data":"#)
        switch self {
        case .instant(let answer, let instant): writer.write(answer, at: instant)
        case .steps(let answer, let steps): writer.write(answer, steps)
        case .texts(let texts): writer.list(texts) { $0.write($1) }
        case .series(let series): writer.list(series) { $0.write(labels: $1) }
        case .value(let value): writer.write(value)
        }
        writer.raw("}\n")
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ answer: PromQLQuery.Answer, at instant: Timestamp) {
        switch answer {
        case .scalar(let numbers):
            raw(#"{"resultType":"scalar","result":"#)
            point(instant, numbers[0])
        case .vector(let series):
            raw(#"{"resultType":"vector","result":"#)
            list(series) { writer, series in
                writer.raw(#"{"metric":"#)
                writer.write(labels: series.labels)
                writer.raw(#","value":"#)
                writer.point(instant, series.values[0] ?? .nan)
                writer.raw("}")
            }
        case .samples(let series):
            raw(#"{"resultType":"matrix","result":"#)
            list(series) { writer, series in
                writer.matrix(series.labels, zip(series.times, series.values))
            }
        }
        raw("}")
    }

    fileprivate mutating func write(_ answer: PromQLQuery.Answer, _ steps: Steps) {
        raw(#"{"resultType":"matrix","result":"#)
        switch answer {
        case .scalar(let numbers):
            list([numbers]) { writer, numbers in
                writer.matrix([:], numbers.enumerated().lazy.map { (steps[$0], $1) })
            }
        case .vector(let series):
            list(series) { writer, series in
                let points = series.values.enumerated().lazy.compactMap { number, value in
                    value.map { (steps[number], $0) }
                }
                writer.matrix(series.labels, points)
            }
        case .samples: raw("[]")
        }
        raw("}")
    }

    private mutating func matrix(
        _ labels: [String: String],
        _ points: some Sequence<(Timestamp, Double)>
    ) {
        raw(#"{"metric":"#)
        write(labels: labels)
        raw(#","values":"#)
        list(points) { $0.point($1.0, $1.1) }
        raw("}")
    }

    fileprivate mutating func write(labels: [String: String]) {
        object(labels.sorted { $0.key < $1.key }) { writer, label in
            writer.key(label.key)
            writer.write(label.value)
        }
    }

    /// A time in seconds, and a value as text, since JSON has no NaN.
    private mutating func point(_ instant: Timestamp, _ value: Double) {
        raw("[")
        // Milliseconds are what its clients expect.
        seconds(instant.nanoseconds / 1_000_000 * 1_000_000)
        raw(",\"")
        switch value {
        case .infinity: raw("+Inf")
        case -.infinity: raw("-Inf")
        case _ where value.isNaN: raw("NaN")
        case _ where value == value.rounded() && abs(value) < 1e15: write(Int64(value))
        default: write(value)
        }
        raw("\"]")
    }
}

internal import Archive
internal import PromQL
internal import Telemetry

/// One question of Prometheus' HTTP interface, read and ready to be answered.
///
/// Source: Prometheus 2.42, "HTTP API", <https://prometheus.io/docs/prometheus/2.42/querying/api/>.
enum PrometheusQuery: Sendable {
    case instant(PromQLQuery, at: Timestamp)
    case steps(PromQLQuery, Steps)
    case labels(Selection)
    case values(label: String, Selection)
    case series(Selection)
    case metadata(metric: String?, limit: Int)

    /// Which series a list is about.
    struct Selection: Sendable {
        /// Any of these; none asks for all.
        var matchers: [[LabelMatcher]]
        var range: Range<Timestamp>
        /// At most so many elements of the answer.
        var limit: Int
    }

    /// Reads a question; `label` is the one whose values are asked for.
    init(
        _ question: Question,
        label: String?,
        _ arguments: FormArguments,
        now: Timestamp
    ) throws(QueryError) {
        do throws(PromQLError) {
            switch question {
            case .instant:
                let instant = try arguments.time("time", now) ?? now
                self = .instant(try PromQLQuery(try arguments.needed("query")), at: instant)
            case .range:
                self = .steps(
                    try PromQLQuery(try arguments.needed("query")),
                    try arguments.steps(now)
                )
            case .labels: self = .labels(try Selection(arguments, now))
            case .values: self = .values(label: label ?? "", try Selection(arguments, now))
            case .series:
                let selection = try Selection(arguments, now)
                guard !selection.matchers.isEmpty else {
                    throw .type("`match[]` is missing: which series?")
                }
                self = .series(selection)
            case .metadata:
                self = .metadata(
                    metric: arguments.first("metric"),
                    limit: try arguments.limit()
                )
            }
        } catch {
            throw .expression(error)
        }
    }

    /// Answers it; blocks while it reads.
    func answer(from source: ArchiveSeries) throws(QueryError) -> PrometheusAnswer {
        do {
            switch self {
            case .instant(let query, let instant):
                return .instant(try query.answer(at: instant, from: source), at: instant)
            case .steps(let query, let steps):
                return .steps(try query.answer(at: steps, from: source), steps)
            case .labels(let selection):
                let names = try source.labels(selection).flatMap(\.keys)
                return .texts(Array(Set(names).sorted().prefix(selection.limit)))
            case .values(let label, let selection):
                let values = try source.labels(selection).compactMap { $0[label] }
                return .texts(Array(Set(values).sorted().prefix(selection.limit)))
            case .series(let selection):
                return .series(Array(try source.labels(selection).prefix(selection.limit)))
            case .metadata(let metric, let limit):
                return .value(try source.metadata(metric, limit))
            }
        } catch let error as QueryError {
            throw error
        } catch let error as PromQLError {
            throw .expression(error)
        } catch {
            throw .archive("\(error)")
        }
    }
}

extension PrometheusQuery.Selection {
    fileprivate init(_ arguments: FormArguments, _ now: Timestamp) throws(PromQLError) {
        var matchers: [[LabelMatcher]] = []
        for text in arguments.all("match[]") { matchers.append(try PromQLQuery.matchers(text)) }
        let all = Timestamp.publishable
        let start = try arguments.time("start", now) ?? all.lowerBound
        let end = try arguments.time("end", now) ?? all.upperBound - .nanoseconds(1)
        guard start <= end else { throw .type("the end \(end) is before the start \(start)") }
        self.init(
            matchers: matchers,
            range: (start..<end + .nanoseconds(1)).clamped(to: all),
            limit: try arguments.limit()
        )
    }
}

extension ArchiveSeries {
    fileprivate func labels(
        _ selection: PrometheusQuery.Selection
    ) throws(QueryError) -> [[String: String]] {
        let anyOf = selection.matchers.isEmpty ? [[]] : selection.matchers
        return try fields(anyOf, in: selection.range).map(\.labels)
    }

    /// For each metric its type, help and unit.
    fileprivate func metadata(_ metric: String?, _ limit: Int) throws(QueryError) -> Value {
        var found: [String: Value] = [:]
        for known in try fields([[]], in: Timestamp.publishable) {
            let name = known.labels["__name__"] ?? ""
            guard metric == nil || metric == name, found[name] == nil, found.count < limit else {
                continue
            }
            found[name] = .array([
                [
                    "type": "gauge", "help": .string(known.summary.field.description),
                    "unit": .string(known.labels["unit"] ?? ""),
                ]
            ])
        }
        return .map(found)
    }
}

internal import Telemetry

/// Works out an expression for all steps at once.
struct Evaluator<Source: SeriesSource> {
    let source: Source
    let steps: Steps

    /// What an expression comes to at each step.
    enum Result {
        case scalar([Double])
        case vector([Series])
    }

    func value(of expression: Expression) throws -> Result {
        switch expression {
        case .number(let number):
            return .scalar(Array(repeating: number, count: steps.count))
        case .selector(let selector):
            let steps = steps.earlier(by: selector.offset)
            return .vector(try checked(source.latest(selector.matchers, at: steps, within: nil)))
        case .overTime(let function, let selector, let window):
            return .vector(try checked(overTime(function, selector, window)))
        case .aggregate(let aggregation, let grouping, let inner):
            guard case .vector(let series) = try value(of: inner) else { return .vector([]) }
            return .vector(aggregate(aggregation, grouping, series))
        case .negative(let inner):
            switch try value(of: inner) {
            case .scalar(let numbers): return .scalar(numbers.map { -$0 })
            case .vector(let series):
                return .vector(try distinct(series.map { $0.mapped { -$0 }.nameless }))
            }
        case .binary(let found, let left, let right, let matching):
            return try combine(found, value(of: left), value(of: right), matching)
        }
    }

    /// The series, unless there are too many.
    private func checked(_ series: [Series]) throws(PromQLError) -> [Series] {
        guard series.count <= PromQLLimits.series else {
            throw .limit(
                what: "series",
                limit: PromQLLimits.series,
                advice: "select fewer by their labels"
            )
        }
        guard series.count * steps.count <= PromQLLimits.values else {
            throw .limit(
                what: "values",
                limit: PromQLLimits.values,
                advice: "ask with a larger step, for less time or fewer series"
            )
        }
        return series
    }

    /// The series, which must differ in their labels now that some of these are gone.
    func distinct(_ series: [Series]) throws(PromQLError) -> [Series] {
        guard Set(series.map(\.labels)).count == series.count else {
            throw .execution(
                "the result has several series with the same labels: the metrics' names, which "
                    + "told them apart, do not belong to it; select one metric, or aggregate by "
                    + "other labels"
            )
        }
        return series
    }
}

extension Series {
    /// Without the metric's name, which says nothing of what was made of it.
    var nameless: Series {
        var series = self
        series.labels["__name__"] = nil
        return series
    }

    /// With another value at each step that has one.
    func mapped(_ change: (Double) -> Double) -> Series {
        Series(labels: labels, values: values.map { $0.map(change) })
    }
}

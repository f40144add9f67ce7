public import Telemetry

/// An expression of PromQL, checked and ready to be answered.
///
/// Offered are selectors with the four matchers and `offset`, the functions of a window
/// `avg|min|max|sum|count|last_over_time`, `rate`, `delta` and `changes`, the aggregations
/// `sum|avg|min|max|count` with `by` and `without`, arithmetic and comparison with `bool`, `on` and
/// `ignoring`. Windows hold their end and not their start, as in Prometheus 3; but those of
/// `avg|min|max|sum|count_over_time` hold their start and not their end, since roll-ups do.
///
/// Source: Prometheus 2.42, "Querying Prometheus",
/// <https://prometheus.io/docs/prometheus/2.42/querying/basics/>.
public struct PromQLQuery: Sendable {
    private let expression: Expression
    private let samples: (Selector, window: Duration)?

    /// What an expression comes to.
    public enum Answer: Hashable, Sendable {
        /// A number for each step.
        case scalar([Double])
        /// The series that have a value at some step.
        case vector([Series])
        /// The samples of a window before one instant.
        case samples([SampledSeries])
    }

    /// Reads an expression.
    ///
    /// - Throws: ``PromQLError`` with the byte at which it is wrong.
    public init(_ text: String) throws(PromQLError) {
        if let (selector, window) = try Parser.selector(text), let window {
            samples = (selector, window)
            expression = .selector(selector)
        } else {
            samples = nil
            expression = try Parser.expression(text)
        }
    }

    /// A duration such as `30s` or `1h30m`.
    ///
    /// - Throws: ``PromQLError`` if `text` is anything else.
    public static func duration(_ text: String) throws(PromQLError) -> Duration {
        let tokens = try Lexer.tokens(of: text)
        guard tokens.count == 2, case .duration(let duration) = tokens[0].kind else {
            throw .type("`\(text.prefix(100))` is no duration, such as 30s")
        }
        return duration
    }

    /// What a text such as `metric{label="value"}` selects.
    ///
    /// - Throws: ``PromQLError`` if it is anything else.
    public static func matchers(_ text: String) throws(PromQLError) -> [LabelMatcher] {
        guard let (selector, window) = try Parser.selector(text), window == nil else {
            throw .type("`\(text.prefix(100))` is no selector, such as `metric{label=\"value\"}`")
        }
        return selector.matchers
    }

    /// The answer for one instant.
    ///
    /// - Throws: ``PromQLError``, and what the source throws.
    public func answer(at instant: Timestamp, from source: some SeriesSource) throws -> Answer {
        if let (selector, window) = samples {
            let end = instant - selector.offset
            return .samples(
                try source.samples(selector.matchers, after: end - window, through: end)
            )
        }
        return try answer(at: Steps(at: instant), from: source)
    }

    /// The answer for each step.
    ///
    /// - Throws: ``PromQLError``, and what the source throws.
    public func answer(at steps: Steps, from source: some SeriesSource) throws -> Answer {
        guard samples == nil else {
            throw PromQLError.type("samples of a window are an answer for one instant only")
        }
        let evaluator = Evaluator(source: source, steps: steps)
        switch try evaluator.value(of: expression) {
        case .scalar(let numbers): return .scalar(numbers)
        case .vector(let series):
            return .vector(series.filter { $0.values.contains { $0 != nil } })
        }
    }
}

public import Telemetry

/// Where series come from.
///
/// Each call finds the series that all matchers fit and that have a sample in question, in any
/// order. Calls may block, and throw the source's own errors.
public protocol SeriesSource {
    /// The newest sample at or before each step that is not older than `age`; without that, than
    /// the field's look-back.
    func latest(
        _ matchers: [LabelMatcher],
        at steps: Steps,
        within age: Duration?
    ) throws -> [Series]

    /// All samples after `start`, up to and with `end`.
    func samples(
        _ matchers: [LabelMatcher],
        after start: Timestamp,
        through end: Timestamp
    ) throws -> [SampledSeries]

    /// What the buckets between `edges`, at least two that increase, say about the samples; each
    /// bucket holds its start and not its end.
    func buckets(
        _ matchers: [LabelMatcher],
        between edges: [Timestamp]
    ) throws -> [BucketedSeries]
}

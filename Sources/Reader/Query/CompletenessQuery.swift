public import Telemetry

/// How much of each timeline is there, hour by hour.
public struct CompletenessQuery: Hashable, Sendable {
    /// The start, included, and the end, not included.
    public var range: Range<Timestamp>
    /// Which timelines: fields, feeds, instances or patterns; none asks for all.
    public var patterns: [FieldPattern]
    /// Samples are expected until now, and not beyond.
    public var now: Timestamp

    /// A query.
    public init(range: Range<Timestamp>, patterns: [FieldPattern] = [], now: Timestamp) {
        self.range = range
        self.patterns = patterns
        self.now = now
    }

    /// Reads `start` (an hour before now if left out), `end` and `field` (or `match`).
    public init(_ arguments: QueryArguments, now: Timestamp) throws(QueryError) {
        try arguments.allow(["start", "end", "field", "match"])
        self.init(
            range: try arguments.range(defaultStart: .beforeNow(.seconds(3600)), now: now),
            patterns: try arguments.patterns("field") + arguments.patterns("match"),
            now: now
        )
    }

    /// The start, the full hours of UTC in between, and the end.
    var edges: [Timestamp] {
        let hour: Int64 = 3_600_000_000_000
        var edges = [range.lowerBound]
        var next = (range.lowerBound.nanoseconds / hour + 1) * hour
        while next < range.upperBound.nanoseconds {
            edges.append(Timestamp(nanoseconds: next))
            next += hour
        }
        return edges + [range.upperBound]
    }
}

public import Telemetry

/// Which fields have samples in a range: sisock's `get_fields`.
public struct FieldsQuery: Hashable, Sendable {
    /// The start, included, and the end, not included.
    public var range: Range<Timestamp>
    /// The fields asked for, any of them; none asks for all.
    public var patterns: [FieldPattern]

    /// A query.
    public init(range: Range<Timestamp>, patterns: [FieldPattern] = []) {
        self.range = range
        self.patterns = patterns
    }
}

/// The samples of fields in a range: sisock's `get_data`.
public struct DataQuery: Hashable, Sendable {
    /// The fields, in the order of the answer; one that nobody knows has no samples.
    public var fields: [FieldPattern]
    /// The start, included, and the end, not included.
    public var range: Range<Timestamp>
    /// How samples become fewer.
    public var reduction: Reduction

    /// A query.
    public init(
        fields: [FieldPattern],
        range: Range<Timestamp>,
        reduction: Reduction = .none
    ) {
        self.fields = fields
        self.range = range
        self.reduction = reduction
    }
}

/// How the samples of an answer become fewer than those of the archive.
public enum Reduction: Hashable, Sendable {
    /// All samples as they are.
    case none
    /// Samples at least so far apart: `min_stride`.
    case stride(Duration)
    /// At most so many buckets of equal width: `max_points`.
    case buckets(Int)
}

/// What is missing or doubtful, and why, in a range.
public struct GapsQuery: Hashable, Sendable {
    /// The start, included, and the end, not included.
    public var range: Range<Timestamp>
    /// Whose rows are asked for: fields, feeds, instances or patterns; none asks for all.
    public var patterns: [FieldPattern]
    /// Which kinds of rows.
    public var kinds: Set<LedgerEntry.Kind>
    /// At most so many rows: the newest ones.
    public var limit: Int

    /// A query.
    public init(
        range: Range<Timestamp>,
        patterns: [FieldPattern] = [],
        kinds: Set<LedgerEntry.Kind> = Set(LedgerEntry.Kind.allCases),
        limit: Int = ReaderLimits.ledgerRows
    ) {
        self.range = range
        self.patterns = patterns
        self.kinds = kinds
        self.limit = limit
    }
}

extension FieldsQuery {
    /// Reads `start`, `end` and `match`; without times it asks for ``allTime``.
    public init(_ arguments: QueryArguments, now: Timestamp) throws(QueryError) {
        try arguments.allow(["start", "end", "match"])
        self.init(
            range: try arguments.range(
                defaultStart: Self.firstInstant,
                defaultEnd: .instant(Self.allTime.upperBound),
                now: now
            ),
            patterns: try arguments.patterns("match")
        )
    }

    /// All that may have samples: also what a clock that is ahead puts after now.
    public static let allTime = Timestamp(seconds: 1)..<Timestamp.publishable.upperBound

    /// Unix time 1 s, which is where sisock's clients begin to ask for everything.
    static let firstInstant = TimeArgument.instant(Timestamp(seconds: 1))
}

extension GapsQuery {
    /// Reads `start`, `end`, `match` (or `field`), `kind` and `limit`; without times it asks for
    /// all time until now, without a kind for all of them.
    public init(_ arguments: QueryArguments, now: Timestamp) throws(QueryError) {
        try arguments.allow(["start", "end", "match", "field", "kind", "limit"])
        let kinds = LedgerEntry.Kind.allCases
        let kind = try arguments.choice("kind", of: ["all"] + kinds.map(\.rawValue))
        let most = ReaderLimits.ledgerRows
        self.init(
            range: try arguments.range(defaultStart: FieldsQuery.firstInstant, now: now),
            patterns: try arguments.patterns("match") + arguments.patterns("field"),
            kinds: LedgerEntry.Kind(rawValue: kind).map { [$0] } ?? Set(kinds),
            limit: try arguments.count("limit", atMost: most) ?? most
        )
    }
}

extension DataQuery {
    /// Reads `fields` (or `field`), `start`, `end` (now if left out) and `min_stride` in seconds
    /// or `max_points`.
    public init(_ arguments: QueryArguments, now: Timestamp) throws(QueryError) {
        try arguments.allow(["fields", "field", "start", "end", "min_stride", "max_points"])
        let fields = try arguments.patterns("fields") + arguments.patterns("field")
        guard !fields.isEmpty else {
            throw .parameter(
                "field",
                found: "missing",
                expected: "at least one full name, or a pattern with `*`"
            )
        }
        self.init(
            fields: fields,
            range: try arguments.range(defaultStart: nil, now: now),
            reduction: try Self.reduction(arguments)
        )
    }

    private static func reduction(
        _ arguments: QueryArguments
    ) throws(QueryError) -> Reduction {
        let stride = try arguments.seconds("min_stride")
        let points = try arguments.count("max_points", atMost: ReaderLimits.buckets)
        switch (stride, points) {
        case (nil, nil): return .none
        case (let stride?, nil): return stride > .zero ? .stride(stride) : .none
        case (nil, let points?): return .buckets(points)
        case (.some, .some):
            throw .parameter(
                "max_points",
                found: "given beside `min_stride`",
                expected: "one of the two"
            )
        }
    }
}

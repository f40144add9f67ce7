public import Telemetry

/// What an archive holds of one field in a range of time.
public struct FieldSummary: Hashable, Sendable {
    /// The full name.
    public var name: FieldName
    /// The newest declaration in the range.
    public var field: Field
    /// The expected time between two samples, nil if they come as they come.
    public var period: Duration?
    /// How much older than the newest one a sample may be and still be on time.
    public var lateness: Duration
    /// The first and last sample of the runs that overlap the range.
    public var first: Timestamp, last: Timestamp
    /// How many rows those runs have, also where the field has no value.
    public var count: Int64

    /// A summary.
    public init(
        name: FieldName,
        field: Field,
        period: Duration?,
        lateness: Duration,
        first: Timestamp,
        last: Timestamp,
        count: Int64
    ) {
        self.name = name
        self.field = field
        self.period = period
        self.lateness = lateness
        self.first = first
        self.last = last
        self.count = count
    }
}

/// Some fields of one timeline in a range of time.
public struct TimelineSlice: Hashable, Sendable {
    /// N times in non-decreasing order; equal ones are kept, in order of arrival.
    public var timestamps: [Timestamp]
    /// A column of N values for each field, in the order of the question.
    ///
    /// A field that was an
    /// integer and became a double is a double; where a field was not declared, it is missing.
    public var columns: [Column]
    /// The newest declaration of each field of the question; nil where it has none.
    public var fields: [Field?]
    /// Rows of the range that the limit left out: those that are there are the earliest.
    public var leftOut: Int
    /// Counts the samples that came later than the feed's lateness allows: an answer with another
    /// revision may differ in what was final.
    public var revision: Int64
    /// Values that are not in the columns, since their declaration was another.
    public var apart: [KeptApart]

    /// A slice.
    public init(
        timestamps: [Timestamp],
        columns: [Column],
        fields: [Field?],
        leftOut: Int,
        revision: Int64,
        apart: [KeptApart] = []
    ) {
        self.timestamps = timestamps
        self.columns = columns
        self.fields = fields
        self.leftOut = leftOut
        self.revision = revision
        self.apart = apart
    }
}

/// Values of a field that do not stand in a column with those of its newest declaration.
///
/// Integers among doubles do; what has another type or another unit does not.
public struct KeptApart: Hashable, Sendable {
    /// The field as it was declared for these values.
    public var field: Field
    /// The first and the last of the values.
    public var first: Timestamp, last: Timestamp
    /// How many they are.
    public var count: Int

    /// Values that are kept apart.
    public init(field: Field, first: Timestamp, last: Timestamp, count: Int) {
        self.field = field
        self.first = first
        self.last = last
        self.count = count
    }
}

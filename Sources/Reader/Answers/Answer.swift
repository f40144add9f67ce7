public import Archive
public import Telemetry

/// Which fields have samples in a range, and what they are: the answer to a ``FieldsQuery``.
public struct FieldsAnswer: Sendable {
    /// One field as its newest declaration has it.
    public struct Field: Hashable, Sendable {
        /// The full name.
        public var name: FieldName
        /// What the values of an answer are.
        public var type: FieldType
        /// The unit, nil for pure numbers and texts.
        public var unit: Unit?
        /// What it means, empty where nobody said.
        public var description: String
        /// Its newest sample, of the runs of samples that overlap the range.
        public var last: Timestamp
    }

    /// Fields that share their timestamps.
    public struct Timeline: Hashable, Sendable {
        /// The name, `instance.feed`.
        public var name: String
        /// Seconds between two samples: the declared period, else the mean; nil without either.
        public var interval: Double?
        /// The fields of the answer that are on it, by name.
        public var fields: [FieldName]
    }

    /// The fields, by name.
    public var fields: [Field]
    /// Their timelines, by name.
    public var timelines: [Timeline]
    /// What a person should know about the answer: which names no field has.
    public var notes: [String] = []
}

/// Samples or buckets of fields: the answer to a ``DataQuery``.
public struct DataAnswer: Sendable {
    /// Every field that was asked for, in that order, whether it has data or not.
    public var fields: [String]
    /// The timelines that have data, by name.
    public var timelines: [TimelineAnswer]
    /// What is known to be missing within the range.
    public var gaps: [LedgerEntry]
    /// Where samples are there, and the clock that dated them was off.
    public var marks: [LedgerEntry] = []
    /// Where the numbers were read from: the coarsest tier of all timelines.
    public var tier: Tier
    /// What a person should know about the answer.
    public var notes: [String]
}

/// The part of a ``DataAnswer`` that shares timestamps.
public struct TimelineAnswer: Sendable {
    /// The name, `instance.feed`.
    public var name: String
    /// N timestamps, not decreasing: of samples, or the starts of buckets.
    public var timestamps: [Timestamp]
    /// The N ends of the buckets, not included; nil where the answer has samples.
    public var ends: [Timestamp]?
    /// The fields that were asked for, each with N values or buckets.
    public var fields: [FieldAnswer]
    /// Samples before it will not change.
    public var finalizedUntil: Timestamp
    /// Grows whenever a sample came that is older than a `finalizedUntil` that was answered.
    public var revision: Int64
}

/// One field of a ``TimelineAnswer``.
public struct FieldAnswer: Sendable {
    /// N samples, or what N buckets say about theirs.
    public enum Content: Sendable {
        case samples(Column)
        case buckets(BucketColumns)
    }

    /// The full name.
    public var name: String
    /// The values.
    public var content: Content
    /// The unit of the values, nil for pure numbers and texts.
    public var unit: Unit?
}

extension BucketColumns {
    /// The statistics by name, in the order in which answers list them.
    var columns: [(name: String, column: Column)] {
        let ends: [(name: String, column: Column?)] = [("first", first), ("last", last)]
        return [
            ("count", .ints(count)), ("nans", .ints(nans)), ("min", min), ("max", max),
            ("mean", mean),
        ] + ends.compactMap { end in end.column.map { (end.name, $0) } }
    }

    /// How many there are beside the times, for the allowance.
    static let most = 7
}

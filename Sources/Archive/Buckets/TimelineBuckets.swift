public import Telemetry

/// Some fields of one timeline in a range of time, reduced to buckets.
public struct TimelineBuckets: Sendable {
    /// N stretches of time in order, that do not overlap; those without samples are left out.
    public var ranges: [Range<Timestamp>]
    /// The newest declaration of each field of the question; nil where it has no rows.
    public var fields: [Field?]
    /// N buckets of each field; nil where it has no rows.
    public var columns: [BucketColumns?]
    /// The coarsest tier that something was read from.
    public var tier: Tier
    /// As ``TimelineSlice/revision``.
    public var revision: Int64
    /// Values that are not in the buckets, since their declaration was another.
    public var apart: [KeptApart]
}

/// What N buckets say about the samples of one field.
///
/// NaN marks an invalid sample: next to a valid one it is never smallest or largest and the mean
/// leaves it out. Texts have neither minimum, maximum nor mean; of truth values, false is smaller.
public struct BucketColumns: Sendable {
    /// The samples of each bucket, invalid ones too, and how many of them are NaN.
    public var count: [Int64], nans: [Int64]
    /// The smallest and the largest sample.
    public var min: Column, max: Column
    /// The mean as doubles; of truth values the part that is true.
    public var mean: Column
    /// The sum of those that are a number, 0 without any; of truth values how many are true.
    public var sum: [Double]
    /// The first and the last sample in time; nil where not all samples were read.
    public var first: Column?, last: Column?
}

public import Telemetry

/// The instants of an answer: `count` of them, `step` apart.
public struct Steps: Hashable, Sendable {
    /// The first.
    public let start: Timestamp
    /// Between two.
    public let step: Duration
    /// How many, at least one.
    public let count: Int

    /// One instant.
    public init(at instant: Timestamp) {
        (start, step, count) = (instant, .seconds(1), 1)
    }

    /// The instants from `start` to `end`, both included.
    ///
    /// - Throws: ``PromQLError/limit(what:limit:advice:)`` above ``PromQLLimits/steps``, and
    ///   ``PromQLError/type(_:)`` for an end before the start or a step that is not positive.
    public init(from start: Timestamp, to end: Timestamp, step: Duration) throws(PromQLError) {
        guard step > .zero else { throw .type("the step is not above 0 s") }
        guard start <= end else { throw .type("the end \(end) is before the start \(start)") }
        let whole = (end - start).nanoseconds / step.nanoseconds
        guard whole < Int64(PromQLLimits.steps) else {
            throw .limit(
                what: "steps",
                limit: PromQLLimits.steps,
                advice: "ask with a larger step or for less time"
            )
        }
        (self.start, self.step, count) = (start, step, Int(whole) + 1)
    }

    private init(start: Timestamp, step: Duration, count: Int) {
        (self.start, self.step, self.count) = (start, step, count)
    }

    /// The same instants earlier by `offset`.
    func earlier(by offset: Duration) -> Steps {
        Steps(start: start - offset, step: step, count: count)
    }

    /// The instant with this number, from 0.
    public subscript(number: Int) -> Timestamp {
        let (passed, overflow) = step.nanoseconds.multipliedReportingOverflow(by: Int64(number))
        return overflow ? Timestamp(nanoseconds: .max) : start + .nanoseconds(passed)
    }
}

/// One series of an answer: its labels, and a value or none for each step.
public struct Series: Hashable, Sendable {
    /// Name and value of each label; the metric's name is `__name__`.
    public var labels: [String: String]
    /// For each step its value; nil where there is none.
    public var values: [Double?]

    /// A series.
    public init(labels: [String: String], values: [Double?]) {
        self.labels = labels
        self.values = values
    }
}

/// The samples of one series as they are.
public struct SampledSeries: Hashable, Sendable {
    /// Name and value of each label; the metric's name is `__name__`.
    public var labels: [String: String]
    /// N times, not decreasing.
    public var times: [Timestamp]
    /// N values.
    public var values: [Double]

    /// A series.
    public init(labels: [String: String], times: [Timestamp], values: [Double]) {
        self.labels = labels
        self.times = times
        self.values = values
    }
}

/// What adjoining buckets say about the samples of one series.
public struct BucketedSeries: Hashable, Sendable {
    /// The samples of one bucket; those that are not a number count but say nothing else.
    public struct Bucket: Hashable, Sendable {
        /// How many; 0 where all else means nothing.
        public var count = 0
        /// How many of them are a number.
        public var numbers = 0
        /// The smallest, the largest and the sum of those that are a number.
        public var smallest = Double.infinity, largest = -Double.infinity, sum = 0.0

        /// A bucket without samples.
        public init() {}

        /// Takes in a sample.
        public mutating func add(_ value: Double) {
            count += 1
            guard !value.isNaN else { return }
            numbers += 1
            smallest = min(smallest, value)
            largest = max(largest, value)
            sum += value
        }

        /// Takes in the samples of another one.
        public mutating func add(_ other: Bucket) {
            count += other.count
            numbers += other.numbers
            smallest = min(smallest, other.smallest)
            largest = max(largest, other.largest)
            sum += other.sum
        }
    }

    /// Name and value of each label; the metric's name is `__name__`.
    public var labels: [String: String]
    /// The buckets in order of time.
    public var buckets: [Bucket]

    /// A series.
    public init(labels: [String: String], buckets: [Bucket]) {
        self.labels = labels
        self.buckets = buckets
    }
}

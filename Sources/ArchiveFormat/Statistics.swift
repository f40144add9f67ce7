public import Telemetry

/// What a piece of a column of numbers amounts to; booleans count as 0 and 1.
public struct Statistics: Hashable, Sendable {
    /// How many values are numbers, and how many are NaN; missing values are neither.
    public var count: Int64, notNumbers: Int64
    /// The smallest and largest number, as the nearest doubles; NaN if there is none.
    public var min: Double, max: Double
    /// The sum of the numbers, as if it were rounded once, at the end; ``CompensatedSum`` says how.
    ///
    /// So the sum of decimals is itself a decimal of no more digits, and takes few bytes.
    public var sum: Double

    /// The statistics of nothing.
    public init() {
        count = 0
        notNumbers = 0
        min = .nan
        max = .nan
        sum = 0
    }

    /// Adds what another piece amounts to.
    public mutating func add(_ other: Statistics) {
        notNumbers += other.notNumbers
        guard other.count > 0 else { return }
        min = count == 0 ? other.min : Swift.min(min, other.min)
        max = count == 0 ? other.max : Swift.max(max, other.max)
        count += other.count
        sum += other.sum
    }

    /// Whether the two are the same, NaN like NaN, sums but for rounding: the first files that were
    /// sealed added one value after the other.
    public func isSame(as other: Statistics) -> Bool {
        let largest = Swift.max(min.magnitude, max.magnitude) * Double(count)
        return count == other.count && notNumbers == other.notNumbers
            && min.bitPattern == other.min.bitPattern && max.bitPattern == other.max.bitPattern
            && (sum.bitPattern == other.sum.bitPattern
                || (sum - other.sum).magnitude <= largest * 1e-12)
    }

    /// Reads `[count, NaNs, min, max, sum]`; nil for anything else.
    public init?(_ value: Value?) {
        guard let parts = value?.array, parts.count >= 5, let count = parts[0].int,
            let notNumbers = parts[1].int, let min = parts[2].double,
            let max = parts[3].double, let sum = parts[4].double
        else { return nil }
        self.count = count
        self.notNumbers = notNumbers
        self.min = min
        self.max = max
        self.sum = sum
    }
}

/// The grids on which sealed files hold statistics beside the samples.
public enum RollupTier: String, Hashable, Sendable, CaseIterable {
    /// One bucket a minute.
    case minute
    /// One bucket an hour.
    case hour

    /// How long a bucket is, in nanoseconds; buckets begin at multiples of it since 1970.
    public var nanoseconds: Int64 { self == .minute ? 60_000_000_000 : 3_600_000_000_000 }

    /// Where the bucket that holds `instant` begins.
    public func start(of instant: Timestamp) -> Timestamp {
        let remainder = instant.nanoseconds % nanoseconds
        let back = remainder < 0 ? remainder + nanoseconds : remainder
        let (start, overflow) = instant.nanoseconds.subtractingReportingOverflow(back)
        return Timestamp(nanoseconds: overflow ? .min : start)
    }
}

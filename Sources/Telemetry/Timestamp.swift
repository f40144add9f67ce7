/// An instant: nanoseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted.
///
/// The range of an Int64 reaches from 1677 to 2262; what may be published is narrower
/// (``publishable``).
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds since 1970-01-01T00:00:00 UTC.
    public var nanoseconds: Int64

    /// The instant that many nanoseconds after 1970-01-01T00:00:00 UTC.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The instant that many whole seconds after 1970-01-01T00:00:00 UTC, clamped to the range.
    public init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        nanoseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    /// The instant nearest to Unix time `unixSeconds`, clamped to the range; NaN is 1970.
    public init(unixSeconds: Double) {
        let scaled = (unixSeconds * 1e9).rounded()
        if scaled.isNaN {
            nanoseconds = 0
        } else if scaled >= 9.2233720368547748e18 {
            nanoseconds = .max
        } else {
            nanoseconds = scaled <= -9.2233720368547748e18 ? .min : Int64(scaled)
        }
    }

    /// Unix time in seconds; about 0.2 µs of resolution are left in this century.
    public var unixSeconds: Double { Double(nanoseconds) / 1e9 }

    /// What `publish` accepts: 1970 to 2200, since a clock outside of it is broken, not late.
    public static let publishable =
        Timestamp(nanoseconds: 0)..<Timestamp(nanoseconds: 7_258_118_400_000_000_000)

    /// Whether `left` is earlier.
    @inlinable
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later, clamped to the range.
    public static func + (instant: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        guard overflow else { return Timestamp(nanoseconds: sum) }
        return Timestamp(nanoseconds: duration < .zero ? .min : .max)
    }

    /// The instant `duration` earlier, clamped to the range.
    public static func - (instant: Timestamp, duration: Duration) -> Timestamp {
        instant + (.zero - duration)
    }

    /// The time from `right` to `left`, clamped to 292 years.
    public static func - (left: Timestamp, right: Timestamp) -> Duration {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(
            right.nanoseconds
        )
        guard overflow else { return .nanoseconds(difference) }
        return .nanoseconds(left < right ? Int64.min : .max)
    }
}

extension Duration {
    /// The duration in whole nanoseconds, clamped to what an Int64 holds.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in seconds.
    public var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}

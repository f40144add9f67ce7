internal import Telemetry

/// Equal widths of time that a range is cut into.
///
/// Edges are whole multiples of the width since 1970, so that a plot that moves along keeps its
/// buckets and only the outermost change.
struct BucketGrid {
    private let range: Range<Int64>
    private let origin: Int64
    private let width: Int64

    /// The grid that covers `range`, which lies within 1970–2200 and is not empty, with at most
    /// `count` ≥ 1 buckets.
    init(_ range: Range<Timestamp>, count: Int) {
        let (start, end) = (range.lowerBound.nanoseconds, range.upperBound.nanoseconds)
        self.range = start..<end
        // One bucket cannot be aligned; with n - 1 widths in the range, it touches at most n.
        origin = count == 1 ? start : 0
        let parts = Int64(max(1, count - 1))
        width = (end - start - 1) / parts + 1
    }

    /// The bucket that an instant of the range falls in: its start and end, cut to the range.
    func bucket(at instant: Timestamp) -> Range<Timestamp> {
        let offset = instant.nanoseconds - origin
        let start = origin + offset / width * width
        let (end, overflow) = start.addingReportingOverflow(width)
        return Timestamp(
            nanoseconds: max(start, range.lowerBound)
        )..<Timestamp(nanoseconds: overflow ? range.upperBound : min(end, range.upperBound))
    }
}

/// How many decimal digits the values of a column have, for sums that have no more of them.
///
/// A literal such as 0.1 is not exactly a double, and so the exact sum of many is not the double
/// nearest to the sum of the literals: mostly it is a neighbour, with seventeen digits.
struct DecimalDigits {
    private let power: Double

    /// The digits of values that are scaled so; nil where they are no decimals.
    init?(_ scaling: ExactScaling?) {
        guard case .decimal = scaling, let power = scaling?.divisor else { return nil }
        self.power = power
    }

    /// The statistics with the decimal sum that is within the rounding error of the sum.
    func rounded(_ statistics: Statistics) -> Statistics {
        let scaled = (statistics.sum * power).rounded()
        let sum = scaled / power
        let largest = max(statistics.min.magnitude, statistics.max.magnitude)
        let error = Double(statistics.count) * largest * 0x1p-52
        guard scaled.magnitude < ExactScaling.largestInteger,
            (sum - statistics.sum).magnitude <= error
        else { return statistics }
        var rounded = statistics
        rounded.sum = sum
        return rounded
    }
}

internal import CPacking

/// Integers that stand for all values of some rows, and what they amount to without an error.
struct ScaledIntegers {
    /// The least, the most and the sum of some of them.
    struct Summary {
        var least = Int64.max, most = Int64.min, sum: Int64 = 0

        /// What nothing amounts to.
        init() {}

        /// What several amount to together.
        init(_ parts: [Summary]) {
            for part in parts {
                least = min(least, part.least)
                most = max(most, part.most)
                sum &+= part.sum
            }
        }
    }

    /// How numbers come from them.
    let scaling: ExactScaling
    private let values: UnsafeBufferPointer<Int64>
    private let divisor: Double

    /// Nil where no number divides them.
    init?(_ scaling: ExactScaling, _ values: UnsafeBufferPointer<Int64>) {
        guard let divisor = scaling.divisor else { return nil }
        self.scaling = scaling
        self.values = values
        self.divisor = divisor
    }

    /// Whether the sum of all of them, which amount to `summary`, is exact.
    func isExact(_ summary: Summary) -> Bool {
        let most = Int64(ExactScaling.largestInteger) / Int64(max(values.count, 1))
        return summary.most < most && summary.least > -most
    }

    /// What the rows in `range`, counted from 0 and at least one, amount to.
    func summary(of range: Range<Int>) -> Summary {
        var summary = Summary()
        guard let start = values.baseAddress else { return summary }
        let span = cerro_sum(start + range.lowerBound, range.count, &summary.sum)
        (summary.least, summary.most) = (span.least, span.most)
        return summary
    }

    /// The same as numbers, for so many rows.
    ///
    /// The division rounds once: so the sum is the double nearest to the sum of the decimals.
    func statistics(_ summary: Summary, count: Int) -> Statistics {
        var statistics = Statistics()
        statistics.count = Int64(count)
        statistics.min = Double(summary.least) / divisor
        statistics.max = Double(summary.most) / divisor
        statistics.sum = Double(summary.sum) / divisor
        return statistics
    }
}

extension ExactScaling {
    /// Numbers that are integers as they are.
    static let integers = ExactScaling.decimal(exponent: 0)
}

public import Telemetry

extension Statistics {
    /// The statistics of some rows of a column; of texts, only how many there are.
    public init(_ column: Column, rows: Range<Int>) {
        self.init()
        switch column.values {
        case .doubles(let values):
            if column.presence == nil {
                values.withUnsafeBufferPointer { add(UnsafeBufferPointer(rebasing: $0[rows])) }
            } else {
                addPresent(column, rows) { values[$0] }
            }
        case .ints(let values): addPresent(column, rows) { Double(values[$0]) }
        case .bools(let values): addPresent(column, rows) { values[$0] ? 1 : 0 }
        case .strings:
            count = Int64(rows.count { column.isPresent($0) })
        }
    }

    private mutating func addPresent(
        _ column: Column,
        _ rows: Range<Int>,
        _ value: (Int) -> Double
    ) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: rows.count) { numbers in
            var filled = 0
            if let presence = column.presence {
                for row in rows where presence[row] {
                    numbers[filled] = value(row)
                    filled += 1
                }
            } else {
                for row in rows {
                    numbers[filled] = value(row)
                    filled += 1
                }
            }
            add(UnsafeBufferPointer(rebasing: numbers[..<filled]))
        }
    }

    /// Adds values to nothing.
    private mutating func add(_ values: UnsafeBufferPointer<Double>) {
        var least = SIMD4<Double>(repeating: .infinity)
        var most = SIMD4<Double>(repeating: -.infinity)
        var sum = CompensatedSum()
        var notNumbers = 0
        var row = 0
        while row + 4 <= values.count {
            let four = SIMD4(values[row], values[row + 1], values[row + 2], values[row + 3])
            let isNumber = four .== four
            if all(isNumber) {
                // Not `pointwiseMin`, which is a call for each of the four.
                least.replace(with: four, where: four .< least)
                most.replace(with: four, where: four .>= most)
                sum.add(four)
            } else {
                notNumbers += (0..<4).count { !isNumber[$0] }
                least.replace(with: four, where: four .< least)
                most.replace(with: four, where: four .>= most)
                sum.add(four.replacing(with: 0, where: .!isNumber))
            }
            row += 4
        }
        var rest = SIMD4<Double>(repeating: 0)
        for lane in 0..<(values.count - row) {
            let value = values[row + lane]
            guard !value.isNaN else {
                notNumbers += 1
                continue
            }
            least[lane] = Swift.min(least[lane], value)
            most[lane] = Swift.max(most[lane], value)
            rest[lane] = value
        }
        sum.add(rest)
        self.notNumbers = Int64(notNumbers)
        count = Int64(values.count - notNumbers)
        guard count > 0 else { return }
        min = least.min()
        max = most.max()
        self.sum = sum.total
    }
}

/// A sum of doubles whose rounding errors are summed beside it: four sums, of the rows whose number
/// leaves 0, 1, 2 or 3 when divided by 4.
///
/// Source: D. E. Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B: the
/// error of a sum of two doubles is a double, found without a comparison.
struct CompensatedSum {
    private var sums = SIMD4<Double>(repeating: 0)
    private var errors = SIMD4<Double>(repeating: 0)

    /// Adds four numbers.
    @inline(__always)
    mutating func add(_ numbers: SIMD4<Double>) {
        let sum = sums + numbers
        let part = sum - sums
        errors += (sums - (sum - part)) + (numbers - part)
        sums = sum
    }

    /// The sum of all numbers.
    var total: Double {
        var sum = 0.0
        var error = 0.0
        for number in [sums[0], sums[1], sums[2], sums[3]] {
            let next = sum + number
            let part = next - sum
            error += (sum - (next - part)) + (number - part)
            sum = next
        }
        let whole = sum + (error + (errors[0] + errors[1]) + (errors[2] + errors[3]))
        // With an infinite number in it, the errors are none.
        return sum.isFinite ? whole : sum
    }
}

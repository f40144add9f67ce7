internal import ArchiveFormat
internal import Telemetry

/// What one bucket knows of the samples of one field, in whatever order they came to it.
struct BucketSummary {
    /// What its samples amount to; the extremes as doubles.
    private(set) var statistics = Statistics()
    /// The extremes of integers, which a double need not hold.
    private(set) var least = Int64.max, most = Int64.min
    /// The first and last sample that was added as a sample; of equal times the one that arrived
    /// first and last.
    private(set) var first = BucketEnd(time: .max, arrival: .max)
    private(set) var last = BucketEnd(time: .min, arrival: .min)

    /// How many samples there are, NaN included.
    var count: Int64 { statistics.count + statistics.notNumbers }

    /// The mean of the numbers, NaN if there are none among the samples, nil without samples.
    var mean: Double? {
        count == 0 ? nil : statistics.count == 0 ? .nan : statistics.sum / Double(statistics.count)
    }

    /// Adds what many samples amount to; of integers, such as ``isExact`` holds for.
    mutating func add(_ other: Statistics, areIntegers: Bool) {
        statistics.add(other)
        guard areIntegers, other.count > 0 else { return }
        least = Swift.min(least, Int64(other.min))
        most = Swift.max(most, Int64(other.max))
    }

    /// Adds some rows of a column and their times, in order of time.
    ///
    /// `arrival` is greater for what arrived later. Returns the rows of the first and the last
    /// sample if they are others now.
    @discardableResult
    mutating func add(
        _ column: Column,
        _ times: [Int64],
        _ rows: Range<Int>,
        arrival: Int
    ) -> (first: Int?, last: Int?) {
        let found = Statistics(column, rows: rows)
        guard found.count + found.notNumbers > 0 else { return (nil, nil) }
        statistics.add(found)
        if case .ints(let values) = column.values {
            for row in rows where column.isPresent(row) {
                least = Swift.min(least, values[row])
                most = Swift.max(most, values[row])
            }
        }
        var ends: (first: Int?, last: Int?) = (nil, nil)
        if let row = rows.first(where: column.isPresent) {
            let end = BucketEnd(time: times[row], arrival: arrival, bits: column.bits(row))
            if end.isBefore(first) { (first, ends.first) = (end, row) }
        }
        if let row = rows.last(where: column.isPresent) {
            let end = BucketEnd(time: times[row], arrival: arrival, bits: column.bits(row))
            if !end.isBefore(last) { (last, ends.last) = (end, row) }
        }
        return ends
    }

    /// Adds the summary of integers to one of doubles.
    mutating func promote(_ integers: BucketSummary) {
        guard integers.count > 0 else { return }
        statistics.add(integers.statistics)
        if integers.first.isBefore(first) { first = integers.first.promoted }
        if !integers.last.isBefore(last) { last = integers.last.promoted }
    }
}

/// The first or the last sample of a bucket.
struct BucketEnd {
    let time: Int64, arrival: Int
    /// The value as eight bytes; texts have none.
    var bits: UInt64 = 0

    /// Whether it comes before another one in a timeline.
    func isBefore(_ other: BucketEnd) -> Bool { (time, arrival) < (other.time, other.arrival) }

    /// An integer as a double.
    fileprivate var promoted: BucketEnd {
        let value = Double(Int64(bitPattern: bits))
        return BucketEnd(time: time, arrival: arrival, bits: value.bitPattern)
    }
}

extension Statistics {
    /// Whether the extremes of integers stand in it to the last digit.
    var isExact: Bool {
        let limit = 9_007_199_254_740_992.0
        return count == 0 || (min > -limit && max < limit)
    }
}

extension Column {
    /// The value of a row as eight bytes; texts have none.
    fileprivate func bits(_ row: Int) -> UInt64 {
        switch values {
        case .doubles(let values): values[row].bitPattern
        case .ints(let values): UInt64(bitPattern: values[row])
        case .bools(let values): values[row] ? 1 : 0
        case .strings: 0
        }
    }
}

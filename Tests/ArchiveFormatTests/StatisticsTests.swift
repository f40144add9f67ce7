import ArchiveFormat
import Telemetry
import Testing

@Suite("statistics of columns")
struct StatisticsTests {
    @Test("missing values and NaN are neither smallest nor largest")
    func holes() {
        let column = Column.doubles([nil, .nan, 2, -3, .infinity] as [Double?])
        let statistics = Statistics(column, rows: 0..<5)
        #expect(statistics.count == 3)
        #expect(statistics.notNumbers == 1)
        #expect(statistics.min == -3)
        #expect(statistics.max == .infinity)
        var sum = Statistics(column, rows: 0..<3)
        sum.add(Statistics(column, rows: 3..<5))
        #expect(sum.isSame(as: statistics))
    }

    @Test("a sum of decimals is a decimal")
    func decimals() {
        let values = (1...1003).map { Double($0) / 1000 }
        let statistics = Statistics(.doubles(values), rows: 0..<1003)
        #expect(statistics.sum == 503.506)
        #expect(Statistics(.doubles([1e308, 1e308, -1e308]), rows: 0..<3).sum == .infinity)
        #expect(Statistics(.doubles([1e16, 1, -1e16]), rows: 0..<3).sum == 1)
    }

    @Test("nothing has no smallest and no largest, and adds nothing")
    func nothing() {
        var statistics = Statistics(.ints([4]), rows: 0..<1)
        statistics.add(Statistics(.doubles([.nan]), rows: 0..<1))
        #expect(statistics.min == 4 && statistics.max == 4 && statistics.notNumbers == 1)
        #expect(Statistics().min.isNaN)
    }

    @Test("buckets begin at multiples of their length, before 1970 too")
    func buckets() {
        let minute = RollupTier.minute.nanoseconds
        let times = [-1, 0, minute - 1, minute]
        let buckets = Rollup.buckets(times[...], tier: .minute)
        #expect(buckets.map(\.start) == [-minute, 0, minute])
        #expect(buckets.map(\.rows) == [0..<1, 1..<3, 3..<4])
        #expect(RollupTier.hour.start(of: Timestamp(nanoseconds: .min)).nanoseconds == .min)
    }
}

import Telemetry
import Testing

@testable import CerroCommand

@Suite("the axes of plots")
struct AxisTests {
    private func texts(_ extent: ClosedRange<Double>, _ unit: String = "", most: Int) -> [String] {
        ValueAxis(extent, unit: unit, most: most).ticks.map(\.text)
    }

    @Test("values have round ticks, no more than fit, with the digits that tell them apart")
    func values() {
        #expect(texts(0...10, most: 6) == ["0", "2", "4", "6", "8", "10"])
        #expect(texts(4.11...4.19, most: 5) == ["4.12", "4.14", "4.16", "4.18"])
        #expect(texts(-0.3...0.3, most: 4) == ["-0.2", "0.0", "0.2"])
        #expect(texts(1.1e-8...3e-8, most: 3) == ["2e-8", "3e-8"])
        #expect(texts(0...3e9, most: 4) == ["0", "1e9", "2e9", "3e9"])
        for most in 2...20 {
            for extent in [0...1, -7...13, 99.5...100.2, 1e-30...1e30, -1e300...2] {
                let ticks = ValueAxis(extent, unit: "", most: most).ticks
                #expect((1...most).contains(ticks.count), "\(extent) \(most)")
                #expect(ticks.map(\.place) == ticks.map(\.place).sorted())
                #expect(Set(ticks.map(\.text)).count == ticks.count, "\(ticks)")
            }
        }
    }

    @Test("a value stands where the ticks beside it say")
    func places() {
        let axis = ValueAxis(0...10, unit: "", most: 6)
        for tick in axis.ticks {
            #expect(abs(axis.place(Double(tick.text) ?? .nan) - tick.place) < 1e-9)
        }
        #expect(axis.place(0) > 0 && axis.place(10) < 1)
        #expect(axis.place(-5) == 0 && axis.place(1e300) == 1)
    }

    @Test("a constant has its line in the middle, and ticks around it")
    func constants() {
        for value in [0, 4.2, -1e6, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude] {
            let axis = ValueAxis(value...value, unit: "", most: 5)
            #expect(axis.low < axis.high && axis.high - axis.low < .infinity)
            #expect(!axis.ticks.isEmpty)
            let isCut = abs(value) > .greatestFiniteMagnitude / 4
            #expect(isCut || abs(axis.place(value) - 0.5) < 1e-6, "\(value)")
        }
        // Numbers that differ in their last bits only are drawn as a constant.
        let axis = ValueAxis(1...(1.0).nextUp, unit: "", most: 5)
        #expect(axis.high - axis.low > 0.01)
    }

    @Test("the widest range of doubles still has finite places")
    func widest() {
        let most = Double.greatestFiniteMagnitude
        let axis = ValueAxis(-most...most, unit: "", most: 5)
        #expect((axis.high - axis.low).isFinite && axis.place(0) == 0.5)
    }

    @Test("bytes are told in the unit in which they are short")
    func bytes() {
        let axis = ValueAxis(0...(24.0 * 1024 * 1024 * 1024), unit: "B", most: 6)
        #expect(axis.unit == "GiB" && axis.ticks.map(\.text).contains("20"))
        #expect(ValueAxis.text(1536 * 1024, unit: "B") == "1536 KiB")
        #expect(ValueAxis.text(4.2, unit: "K") == "4.2 K")
        #expect(ValueAxis.text(1.234_567_89e-7, unit: "") == "1.23457e-7")
    }

    /// The ticks of the time from 2026-11-20T22:00:00Z on.
    private func times(_ duration: Duration, most: Int) throws -> [String] {
        let start = try #require(Timestamp(iso8601: "2026-11-20T22:00:00Z"))
        return TimeAxis(start..<(start + duration)) { _ in most }.ticks.map(\.text)
    }

    @Test("times have the ticks that people count in, and midnights say the date")
    func calendar() throws {
        #expect(
            try times(.seconds(60), most: 5) == [
                "22:00:00", "22:00:15", "22:00:30", "22:00:45",
            ]
        )
        #expect(try times(.milliseconds(5), most: 5).last == "22:00:00.004")
        #expect(try times(.seconds(4 * 3600), most: 5) == ["22:00", "23:00", "11-21", "01:00"])
        #expect(try times(.seconds(3 * 86_400), most: 4) == ["11-21", "11-22", "11-23"])
        // Weeks begin on Mondays.
        #expect(try times(.seconds(20 * 86_400), most: 4) == ["11-23", "11-30", "12-07"])
        #expect(
            try times(.seconds(100 * 86_400), most: 4) == ["2026-12", "2027-01", "2027-02"]
        )
        #expect(try times(.seconds(2000 * 86_400), most: 6).first == "2027")
    }

    @Test("no range has more ticks than fit, and each is within it")
    func bounded() {
        for exponent in 0...18 {
            var length: Int64 = 1
            for _ in 0..<exponent { length *= 10 }
            for factor in [1, 3, 7] as [Int64] {
                let (end, overflow) = length.multipliedReportingOverflow(by: factor)
                guard !overflow else { continue }
                let range = Timestamp(nanoseconds: 12_345)..<Timestamp(nanoseconds: 12_345 + end)
                let ticks = TimeAxis(range) { 60 / ($0 + 3) }.ticks
                #expect(ticks.count <= 60 / 7 + 1)
                #expect(ticks.allSatisfy { (0...1).contains($0.place) })
            }
        }
    }
}

import Archive
import SiteConfig
import Telemetry
import Testing

@testable import Aggregator

@Suite("which day is compacted next")
struct CompactionScheduleTests {
    private func report(_ day: String, _ outcome: CompactedDay.Outcome) -> CompactedDay {
        CompactedDay(day: day, outcome: outcome)
    }

    @Test("each day once, newest first; again when another day is over, or pins change")
    func order() {
        var schedule = CompactionSchedule()
        schedule.begin(["2026/11/20", "2026/11/21"], pins: [], at: .zero)
        #expect(schedule.next == "2026/11/21")
        schedule.note(report("2026/11/21", .compacted(file: "f", sources: 24)), at: .zero)
        #expect(schedule.next == "2026/11/20")
        schedule.note(report("2026/11/20", .asItWas), at: .zero)
        #expect(schedule.next == nil)
        schedule.begin(["2026/11/20", "2026/11/21"], pins: [], at: .seconds(9999))
        #expect(schedule.next == nil)
        let pin = Pin(range: Timestamp(seconds: 1)..<Timestamp(seconds: 2), note: "")
        schedule.begin(["2026/11/20", "2026/11/21"], pins: [pin], at: .seconds(9999))
        #expect(schedule.next == "2026/11/21")
        schedule.begin(["2026/11/20", "2026/11/21", "2026/11/22"], pins: [pin], at: .zero)
        #expect(schedule.next == "2026/11/22")
    }

    @Test("a day that waits is tried soon, one that was refused after an hour, and is told")
    func refused() {
        var schedule = CompactionSchedule()
        let days = ["2026/11/20", "2026/11/21"]
        schedule.begin(days, pins: [], at: .zero)
        schedule.note(report("2026/11/21", .waits("1 segment")), at: .zero)
        schedule.note(report("2026/11/20", .refused("damaged")), at: .zero)
        #expect(schedule.next == nil)
        #expect(schedule.refusals.map(\.day) == ["2026/11/20"])
        schedule.begin(days, pins: [], at: .seconds(60))
        #expect(schedule.next == "2026/11/21")
        schedule.note(report("2026/11/21", .asItWas), at: .seconds(60))
        schedule.begin(days, pins: [], at: .seconds(3599))
        #expect(schedule.next == nil)
        schedule.begin(days, pins: [], at: .seconds(3600))
        #expect(schedule.next == "2026/11/20")
        schedule.note(report("2026/11/20", .compacted(file: "f", sources: 2)), at: .seconds(3600))
        #expect(schedule.refusals.isEmpty)
    }
}

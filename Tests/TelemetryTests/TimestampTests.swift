import Telemetry
import Testing

@Suite("Timestamps")
struct TimestampTests {
    @Test(
        "ISO 8601 and nanoseconds agree",
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-21T05:41:10Z", 1_795_239_670_000_000_000),
            ("2024-02-29T23:59:59.999999999Z", 1_709_251_199_999_999_999),
            ("1969-12-31T23:59:59.5Z", -500_000_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000_000_000),
        ] as [(String, Int64)]
    )
    func calendar(text: String, nanoseconds: Int64) {
        #expect(Timestamp(iso8601: text)?.nanoseconds == nanoseconds)
        #expect(Timestamp(nanoseconds: nanoseconds).description == text)
    }

    @Test(
        "offsets, dates alone and blanks are read",
        arguments: [
            ("2026-11-21T06:41:10+01:00", "2026-11-21T05:41:10Z"),
            ("2026-11-21 05:41", "2026-11-21T05:41:00Z"),
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("2026-11-21T01:11:10-0430", "2026-11-21T05:41:10Z"),
        ]
    )
    func forms(text: String, expected: String) {
        #expect(Timestamp(iso8601: text)?.description == expected)
    }

    @Test(
        "what is no instant is refused",
        arguments: [
            "", "2026", "2026-13-01", "2025-02-29", "2026-11-21T24:00", "2026-11-21T05:41:10Zx",
            "2026-11-21T05:41:10.Z", "2026-11-21T05:41:10+25:00", "1500-01-01",
            "2026-11-21T05:41:10.1234567890Z",
        ]
    )
    func refused(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test("every day from 1678 to 2261 survives the round trip")
    func everyDay() throws {
        var day = try #require(Timestamp(year: 1678, month: 1, day: 1))
        let last = try #require(Timestamp(year: 2261, month: 12, day: 31))
        while day < last {
            let calendar = day.utc
            #expect(
                Timestamp(year: calendar.year, month: calendar.month, day: calendar.day) == day
            )
            day = day + .seconds(86_400)
        }
    }

    @Test("arithmetic clamps instead of trapping")
    func clamps() {
        let last = Timestamp(nanoseconds: .max)
        #expect(last + .seconds(1) == last)
        #expect(Timestamp(nanoseconds: .min) - .seconds(1) == Timestamp(nanoseconds: .min))
        #expect((last - Timestamp(nanoseconds: .min)).nanoseconds == .max)
        #expect(Timestamp(unixSeconds: .infinity) == last)
        #expect(Timestamp(unixSeconds: .nan).nanoseconds == 0)
        #expect(Timestamp(seconds: .max) == last)
    }
}

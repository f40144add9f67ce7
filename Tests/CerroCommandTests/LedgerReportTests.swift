import AgentClient
import Telemetry
import Testing

@testable import CerroCommand

/// What people see of the ledger.
@Suite("gaps and completeness")
struct LedgerReportTests {
    private let gap = LedgerEntry(
        instance: "cryo-1",
        feed: "temperatures",
        from: Timestamp(seconds: 60),
        to: Timestamp(seconds: 150),
        count: 1200,
        cause: "spool full"
    )

    private func lines(_ gaps: [LedgerEntry], _ marks: [LedgerEntry] = []) -> [String] {
        LedgerReport([
            "gaps": .array(gaps.map(\.value)), "marks": .array(marks.map(\.value)),
        ]).lines
    }

    @Test("gaps are a table with a total")
    func table() {
        var unknown = gap
        (unknown.feed, unknown.count, unknown.cause) = (nil, nil, "power loss, at most 1 s")
        #expect(
            lines([gap, unknown])
                == [
                    "from                  to                    duration  what                 "
                        + "records  cause",
                    "1970-01-01T00:01:00Z  1970-01-01T00:02:30Z  1 min 30 s  cryo-1.temperatures  "
                        + "  1,200  spool full",
                    "1970-01-01T00:01:00Z  1970-01-01T00:02:30Z  1 min 30 s  cryo-1               "
                        + "      ?  power loss, at most 1 s",
                    "",
                    "2 gaps, 1,200 records, and 1 of them of which nobody knows how many",
                ].map { $0.replacing("  duration  what", with: "    duration  what") }
        )
        #expect(lines([]) == ["nothing is known to be missing"])
    }

    @Test("marks of the clock stand apart from what is missing")
    func marks() {
        var mark = gap
        (mark.kind, mark.cause) = (.clock, "clock 1 h ahead")
        let lines = lines([], [mark])
        #expect(lines[0] == "nothing is known to be missing")
        #expect(lines[2].contains("clock that was off"))
        #expect(lines[4].hasSuffix("clock 1 h ahead"))
    }

    private func line(_ hours: [(rows: Int64, missing: Int64?)], period: Double? = 1) -> Value {
        [
            "period": period.map { .double($0) } ?? .null,
            "hours": .array(
                hours.map {
                    ["rows": .int($0.rows), "missing": $0.missing.map { .int($0) } ?? .null]
                }
            ),
        ]
    }

    @Test("the worst regular feed of an instance tells how complete it is, and only all is 100 %")
    func completeness() {
        let hour = Completeness([
            "a.good": line([(10, 0), (3590, 0)]),
            "a.bad": line([(3592, 0), (0, 8)]),
            "a.events": line([(1, 100)], period: nil),
            "a-2.nearly": line([(1_000_000, 1)]),
            "b.f": line([(3600, nil)]),
            "c.f": line([(50, nil), (49, 1)]),
            "d.events": line([(3, 1)], period: nil),
            "e.f": line([(0, 0)]),
            "f.f": line([(0, 7)]),
            "h.f": line([(5, 0)]),
        ])
        let texts = ["a", "a-2", "b", "c", "d", "e", "f", "g", "h"].map(hour.text)
        #expect(
            texts
                == ["99.7 %", "99.9 %", "?", "≤ 99.0 %", "75.0 %", "-", "0.0 %", "-", "100 %"]
        )
        #expect(hour.value(of: "a").keys.sorted() == ["bad", "events", "good"])
    }

    @Test("status has a column for it only where somebody knows")
    func status() {
        var row = InstanceRow(instance: "a", className: "A", host: "h")
        row.state = .alive
        let now = Timestamp(seconds: 9)
        let console = Console.kept(in: Transcript())
        let without = StatusReport.lines([row], siteHash: { _ in nil }, now: now, console)
        #expect(!without[0].contains("1 h"))
        let with = StatusReport.lines(
            [row],
            completeness: Completeness(["a.f": line([(9, 1)])]),
            siteHash: { _ in nil },
            now: now,
            console
        )
        #expect(with[0].contains("1 h  operations") && with[1].hasSuffix("90.0 %"))
    }

    // Goal: nobody is sent to an instrument because the registry has just begun.
    @Test("who is not heard by a registry that has just begun is not called missing")
    func hearing() {
        var missing = InstanceRow(instance: "cryo-1", className: "A", host: "h")
        missing.state = .missing
        var registry = InstanceRow(instance: "registry", className: "Registry", host: "h")
        (registry.state, registry.since) = (.alive, Timestamp(seconds: 100))
        let console = Console.kept(in: Transcript())
        func state(_ rows: [InstanceRow], _ second: Int64) -> Bool {
            let now = Timestamp(seconds: second)
            let isHearing = SiteClient.isHearing(rows, at: now)
            let lines = StatusReport.lines(
                [missing],
                isHearing: isHearing,
                siteHash: { _ in nil },
                now: now,
                console
            )
            let sentence = StatusReport.sentence([missing], isHearing: isHearing)
            for text in [lines[1], sentence] {
                #expect(text.contains("not heard yet") == isHearing)
                #expect(text.contains("missing") == !isHearing)
            }
            return isHearing
        }
        #expect(state([missing], 100))
        #expect(state([missing, registry], 103))
        #expect(!state([missing, registry], 110))
    }
}

import ArchiveFormat
import CerroTesting
import Log
import SiteConfig
import Telemetry
import Testing

@testable import Archive

@Suite("retention removes what the site file says, and nothing else")
struct RetentionTests {
    private let disk = SimulatedDisk()
    private var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }

    private static let day = "2026/11/21"
    private static let raw = RetentionRule(raw: .seconds(86_400))
    private static let all = RetentionRule(raw: .seconds(86_400), rollups: .seconds(86_400))

    /// Five days: the first is four days old for who looks.
    private func archive() throws -> DayArchive { try DayArchive(directory, days: 5) }

    private func compact(
        _ archive: DayArchive,
        _ retention: RetentionSettings,
        _ day: String = RetentionTests.day
    ) throws -> CompactedDay {
        let report = archive.compactor(retention).compact(day)
        if case .refused(let reason) = report.outcome { Issue.record("\(reason)") }
        var lines: [String] = []
        _ = try ArchiveTool.verify(directory) { lines.append($0) }
        #expect(lines.isEmpty)
        return report
    }

    private func file() throws -> SealedFile {
        let files = try directory.files(days: [Self.day])
        #expect(files.count == 1)
        return try SealedFile.open(directory.full(files[0]), disk: disk)
    }

    /// What the buckets of a field amount to, by the start of each.
    private func buckets(
        _ field: Int,
        _ timelines: [ReducedTimeline],
        _ tier: RollupTier,
        _ file: SealedFile
    ) throws -> [Int64: Statistics] {
        var buckets: [Int64: Statistics] = [:]
        for group in timelines.flatMap(\.groups) {
            for rollup in group.rollups where rollup.tier == tier {
                let found = try file.statistics(of: field, in: rollup) {
                    (chunk, type, rows) throws(ArchiveError) in
                    try file.column(chunk, type, rows: rows, of: "test")
                }
                for (start, statistics) in zip(found?.starts ?? [], found?.statistics ?? []) {
                    buckets[start, default: Statistics()].add(statistics)
                }
            }
        }
        return buckets
    }

    @Test("samples go, their roll-ups stay exact, other feeds and the ledger as they were")
    func reduced() throws {
        let archive = try archive()
        let before = try FileAnswers(directory)
        let rules = RetentionSettings(
            feeds: [.init(instance: "al*", feed: "mix*d", rule: Self.raw)]
        )
        let report = try compact(archive, rules)
        let after = try FileAnswers(directory)
        for name in ["alpha.texts", "beta.positions"] {
            #expect(after.rows[name] == before.rows[name])
        }
        #expect(after.rows["alpha.mixed"]?.count == 4 * 4 * 144)
        #expect(Set(before.ledger.keys).isSubset(of: after.ledger.keys))
        #expect(after.unreadable == before.unreadable)
        #expect(after.cursors == before.cursors)
        let new = after.ledger.keys.filter { before.ledger[$0] == nil }
        #expect(Set(new) == Set(report.removed))
        #expect(new.allSatisfy { $0.kind == .retention && $0.feed == "mixed" })
        #expect(new.reduce(0) { $0 + ($1.count ?? 0) } == 4 * 144)

        let file = try file()
        #expect(file.footer.timelines.allSatisfy { $0.feed.name != "mixed" })
        let reduced = file.footer.reduced
        #expect(reduced.flatMap(\.groups).reduce(0) { $0 + $1.rows } == 4 * 144)
        for field in [0, 2] {
            let hours = try buckets(field, reduced, .hour, file)
            #expect(hours.values.reduce(0) { $0 + $1.count } == 4 * 144)
        }
        // What stays is as it is when the next look has nothing to do.
        #expect(archive.compactor(rules).compact(Self.day).outcome == .asItWas)
    }

    // Goal: a pin keeps just the samples whose times lie in it, its end not included.
    // Method: pins whose edges are times of samples, one nanosecond before and behind them.
    @Test("pins are exact at their edges", arguments: [-1, 0, 1] as [Int64])
    func pinned(offset: Int64) throws {
        let archive = try archive()
        let before = try FileAnswers(directory)
        let lines = try #require(before.rows["alpha.mixed"])
        let times = lines.map { Int64($0.split(separator: " ")[1]) ?? 0 }
        let (from, to) = (times[100] + offset, times[200] + offset)
        let pin = Pin(
            range: Timestamp(nanoseconds: from)..<Timestamp(nanoseconds: to),
            note: "quench: \"magnet\" $5"
        )
        try directory.changePins(holder: "test") { $0.append(pin) }
        #expect(try directory.pins() == [pin])
        _ = try compact(archive, RetentionSettings(rule: Self.all))
        let after = try FileAnswers(directory)
        let end = DayArchive.midnight + .seconds(86_400)
        let expected = zip(lines, times).filter { line, time in
            time >= from && time < to
        }.map(\.0)
        let kept = (after.rows["alpha.mixed"] ?? []).filter {
            (Int64($0.split(separator: " ")[1]) ?? 0) < end.nanoseconds - 7_200_000_000_000
        }
        #expect(kept == expected)
        #expect(expected.count >= 99)
        let removed = after.ledger.keys.filter { $0.kind == .retention && $0.feed == "mixed" }
        for row in removed {
            #expect(row.to <= pin.range.lowerBound || row.from >= pin.range.upperBound)
        }
        let again = archive.compactor(RetentionSettings(rule: Self.all)).compact(Self.day)
        #expect(again.outcome == .asItWas)

        // Without the pin the rest goes as well, and what is removed is told once.
        try directory.changePins(holder: "test") { $0 = [] }
        _ = try compact(archive, RetentionSettings(rule: Self.all))
        let rest = try FileAnswers(directory)
        let counts = rest.ledger.filter { $0.key.kind == .retention && $0.key.feed == "mixed" }
        #expect(counts.keys.reduce(0) { $0 + ($1.count ?? 0) } == 4 * 144)
        #expect(try file().footer.timelines.isEmpty)
    }

    @Test("roll-ups go when their time is over, and one row of the ledger tells both")
    func removed() throws {
        let archive = try archive()
        _ = try compact(archive, RetentionSettings(rule: Self.raw))
        let reduced = try FileAnswers(directory).ledger.keys.filter { $0.kind == .retention }
        #expect(reduced.allSatisfy { $0.cause == "retention: samples; their roll-ups are kept" })
        _ = try compact(archive, RetentionSettings(rule: Self.all))
        let file = try file()
        #expect(file.footer.reduced.isEmpty && file.footer.timelines.isEmpty)
        let rows = file.footer.ledger.filter { $0.kind == .retention }
        #expect(rows.allSatisfy { $0.cause == "retention: samples and their roll-ups" })
        #expect(rows.reduce(0) { $0 + ($1.count ?? 0) } == 4 * 144 + 144 + 144)
        #expect(file.footer.ledger.contains { $0.cause.hasPrefix("power loss") })
    }

    @Test("young days stay, and so does all while a clock is not believed")
    func young() throws {
        let archive = try archive()
        let rules = RetentionSettings(rule: RetentionRule(raw: .seconds(4 * 86_400)))
        _ = try compact(archive, rules, "2026/11/22")
        #expect(try FileAnswers(directory).rows["alpha.mixed"]?.count == 5 * 4 * 144)
        // A clock that jumps by 80 years, and one file dated by it.
        archive.time.now = archive.time.now + .seconds(80 * 365 * 86_400)
        try archive.journal.rotateIfDue(at: archive.time.now)
        let far = RetentionSettings(rule: RetentionRule(raw: .seconds(30 * 86_400)))
        for day in try archive.compactor(far).closedDays() {
            #expect(archive.compactor(far).compact(day).removed.isEmpty)
        }
    }

    @Test("pins that cannot be read stop everything, with line and column")
    func badPins() throws {
        let archive = try archive()
        for (text, words) in [
            ("pins:\n  - {from: yesterday, to: 2026-11-21T00:00:00Z}\n", "pins.yaml:2:12"),
            ("pins: 5\n", "pins.yaml:1:7"), ("{}\n", "Write `pins: []`"),
            (
                "pins:\n  - from: \"2026-11-22T00:00:00Z\"\n    to: \"2026-11-21T00:00:00Z\"\n",
                "is not behind `from`"
            ),
            ("pins: []\nnote: x\n", "no setting `note`"), ("pins: [", "pins.yaml"),
        ] {
            try disk.replace("/archive/pins.yaml", with: Array(text.utf8))
            let before = disk.paths
            let report = archive.compactor(RetentionSettings(rule: Self.all)).compact(Self.day)
            guard case .refused(let reason) = report.outcome else {
                Issue.record("\(report)")
                continue
            }
            #expect(reason.contains(words), "\(reason)")
            #expect(reason.hasSuffix("nothing is removed until the pins can be read"))
            #expect(disk.paths == before)
        }
    }

    // Goal: whoever pins while a day is being rewritten does not lose what was pinned.
    @Test("a pin that comes while the day is rewritten counts")
    func pinMeanwhile() throws {
        let archive = try archive()
        let before = try FileAnswers(directory)
        let rules = RetentionSettings(rule: Self.all)
        var calls = 0
        let pin = Pin(range: DayArchive.midnight..<archive.time.now, note: "all")
        let report = archive.compactor(rules).compact(Self.day) {
            calls += 1
            if calls == 3 { try? directory.changePins(holder: "test") { $0 = [pin] } }
            return true
        }
        let reason = "\(Self.day): pins were changed meanwhile: it is tried again"
        #expect(report.outcome == .refused(reason))
        #expect(try FileAnswers(directory) == before)
        _ = try compact(archive, rules)
        let after = try FileAnswers(directory)
        let mixed = try #require(after.rows["alpha.mixed"])
        #expect(mixed.count + 8 >= 5 * 4 * 144)
    }

    // Goal: as for compaction, at any step.
    @Test("when everything dies at any step of a removal", arguments: [false, true])
    func death(powerCut: Bool) throws {
        let archive = try DayArchive(directory, days: 5, every: 7_200)
        _ = archive.compactor().compact(Self.day)
        let rules = RetentionSettings(rule: Self.raw)
        let before = try FileAnswers(directory)
        let start = disk.snapshot()
        let calls = disk.callCount
        _ = try compact(archive, rules)
        let after = try FileAnswers(directory)
        #expect(after != before)
        for step in 0..<(disk.callCount - calls) {
            disk.restore(start)
            disk.become(.dies(after: step))
            _ = archive.compactor(rules).compact(Self.day)
            if powerCut { disk.powerCut() } else { disk.restart() }
            let found = try FileAnswers(directory)
            #expect(found == before || found == after, "step \(step)")
            _ = try compact(archive, rules)
            #expect(try FileAnswers(directory) == after, "step \(step)")
        }
    }

    // Goal: who asks for a plot of a time whose samples are gone gets their roll-ups, exact.
    // Method: buckets computed from the samples before; the minute grid where it is worth it.
    @Test("what is left is found by a reader, equal to the samples that it stands for")
    func answers() throws {
        let temporary = TemporaryArchive()
        let archive = try DayArchive(temporary.directory, days: 5, every: 24)
        let store = try ArchiveStore(temporary.directory, holder: "reader", cache: 1 << 20)
        let end = DayArchive.midnight + .seconds(86_400 - 7_200)
        let range = DayArchive.midnight..<end
        func slice() throws -> TimelineSlice {
            try store.timeline(
                instance: "alpha",
                feed: "mixed",
                fields: ["n", "sparse"],
                range: range
            )
        }
        func buckets(_ count: Int) throws -> TimelineBuckets {
            try #require(
                try store.buckets(
                    instance: "alpha",
                    feed: "mixed",
                    fields: ["n", "sparse", "nothing"],
                    grid: BucketGrid(range, count: count)
                )
            )
        }
        let before = try slice()
        let named = Set(try store.fields(in: range).map(\.name))
        // 22 hours: of an hour, of ten minutes, all of it, and finer than what is left.
        let counts = [23, 140, 1, 100_000]
        let exact = try counts.map(buckets)
        let rules = RetentionSettings(rule: Self.raw)
        let report = archive.compactor(rules).compact(Self.day)
        guard case .compacted = report.outcome else {
            Issue.record("\(report)")
            return
        }
        for _ in 0..<8 { try store.refresh() }
        #expect(try slice().timestamps.isEmpty)
        #expect(Set(try store.fields(in: range).map(\.name)) == named)
        let gaps = try store.gaps(in: range).filter { $0.kind == .retention }
        #expect(Set(gaps.compactMap(\.feed)) == ["mixed", "texts", "positions"])

        for (count, expected) in zip(counts, exact) {
            let found = try buckets(count)
            #expect(found.tier > .raw)
            #expect(found.columns[2] == nil)
            let total = found.columns[0]?.count.reduce(0, +)
            #expect(total == Int64(before.timestamps.count))
            guard count < 1000 else { continue }
            #expect(found.ranges == expected.ranges)
            for field in 0..<2 {
                let (left, right) = (found.columns[field], expected.columns[field])
                #expect(left?.count == right?.count && left?.nans == right?.nans)
                #expect(left?.min == right?.min && left?.max == right?.max)
            }
        }
    }
}

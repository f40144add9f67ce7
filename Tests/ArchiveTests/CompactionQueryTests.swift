import ArchiveFormat
import CerroTesting
import Log
import SiteConfig
import Synchronization
import Telemetry
import Testing

@testable import Archive

@Suite("queries while days are compacted")
struct CompactionQueryTests {
    private static let days = ["2026/11/21", "2026/11/22", "2026/11/23"]

    private struct Answer: Equatable {
        var slices: [TimelineSlice] = []
        var gaps: Set<LedgerEntry> = []
        /// The slices; as texts, since NaN is not itself.
        private let text: String

        init(_ store: ArchiveStore) throws {
            for (instance, feed) in [("alpha", DayArchive.mixed), ("alpha", DayArchive.texts)] {
                slices.append(
                    try store.timeline(
                        instance: instance,
                        feed: feed.name,
                        fields: feed.fields.map(\.name),
                        range: .allOfTime
                    )
                )
            }
            slices.append(
                try store.timeline(
                    instance: "beta",
                    feed: "positions",
                    fields: ["position", "more"],
                    range: .allOfTime
                )
            )
            gaps = Set(try store.gaps(in: .allOfTime))
            text = "\(slices)"
        }

        static func == (left: Answer, right: Answer) -> Bool {
            left.text == right.text && left.gaps == right.gaps
        }
    }

    // Goal: no sample is missing or doubled, whatever a reader has seen of a compaction.
    // Method: before each change of a name the store is asked, as it is and after a refresh, by
    // turns; a store that is opened in that moment has to say the same.
    @Test("every answer is the same at every step", arguments: [1, 2, 5])
    func steps(turn: Int) throws {
        let temporary = TemporaryArchive()
        let disk = WatchedDisk()
        let watched = ArchiveDirectory(temporary.directory.path, disk: disk)
        let archive = try DayArchive(watched, days: 2)
        let before = try Self.once(temporary.directory)
        #expect(before.slices[0].timestamps.count == 2 * 4 * 144)
        #expect(before.gaps.count > 3)
        let store = try ArchiveStore(temporary.directory, holder: "reader", cache: 1 << 20)
        let count = Mutex(0)
        disk.onChange {
            do {
                if count.withLock({ count in
                    count += 1
                    return count % turn == 0
                }) {
                    try store.refresh()
                }
                #expect(try Answer(store) == before)
            } catch {
                Issue.record("\(error)")
            }
        }
        for day in Self.days.prefix(2) {
            guard case .compacted = archive.compactor().compact(day).outcome else {
                Issue.record("\(day) was not compacted")
                return
            }
        }
        disk.onChange {}
        #expect(count.withLock { $0 } > 2 * 24)
        #expect(try Answer(store) == before)
        try store.refresh()
        #expect(try Answer(store) == before)
        #expect(store.problems.isEmpty)
    }

    private static func once(_ directory: ArchiveDirectory) throws -> Answer {
        let store = try ArchiveStore(directory, holder: "reader", cache: 1 << 20)
        return try Answer(store)
    }

    @Test("an index that is built anew, and one that was there, say the same")
    func reindex() throws {
        let temporary = TemporaryArchive()
        let archive = try DayArchive(temporary.directory, days: 2)
        let before = try Self.once(temporary.directory)
        for day in Self.days.dropLast() { _ = archive.compactor().compact(day) }
        #expect(try Self.once(temporary.directory) == before)
        archive.lock.unlock()
        let problems = try ArchiveTool.reindex(temporary.directory, holder: "test") { _, _ in }
        #expect(problems.isEmpty)
        #expect(try Self.once(temporary.directory) == before)
        var lines: [String] = []
        _ = try ArchiveTool.verify(temporary.directory) { lines.append($0) }
        #expect(lines.isEmpty)
        let repaired = try ArchiveTool.repair(
            temporary.directory,
            isDryRun: false,
            holder: "test",
            now: archive.time.now
        )
        #expect(repaired.allSatisfy { $0.outcome == .whole })
    }

    @Test("a segment that comes back from a copy after its day was compacted counts no more")
    func restoredSegment() throws {
        let disk = SimulatedDisk()
        let directory = ArchiveDirectory("/archive", disk: disk)
        let archive = try DayArchive(directory, days: 1, isSealed: false)
        let path = directory.full(try directory.files(days: ["2026/11/21"])[9])
        let bytes = disk.bytes(of: path)
        try archive.seal()
        guard case .compacted = archive.compactor().compact("2026/11/21").outcome else {
            Issue.record("it was not compacted")
            return
        }
        let before = try FileAnswers(directory)
        _ = try disk.open(path, .create)
        disk.set(bytes, of: path)
        try archive.seal()
        #expect(!disk.paths.contains(path))
        #expect(try FileAnswers(directory) == before)
    }
}

import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("compaction makes one file of a day, which says all that its files said")
struct CompactionTests {
    private func archive(
        days: Int = 1,
        every step: Int = 600,
        seed: UInt64 = 1
    ) throws
        -> (DayArchive, SimulatedDisk)
    {
        let disk = SimulatedDisk()
        let directory = ArchiveDirectory("/archive", disk: disk)
        return (try DayArchive(directory, days: days, every: step, seed: seed), disk)
    }

    private func problems(_ directory: ArchiveDirectory) throws -> [String] {
        var lines: [String] = []
        _ = try ArchiveTool.verify(directory) { lines.append($0) }
        return lines
    }

    // Goal: answers before are answers after, whatever the limits that cut the work into pieces.
    // Method: values from seeds; groups of a few rows, files two at a time, and the true limits.
    @Test("every row, delay, cursor and row of the ledger is there as before", arguments: 1...6)
    func same(seed: UInt64) throws {
        let (archive, _) = try archive(days: 2, seed: seed)
        let before = try FileAnswers(archive.directory)
        #expect(before.unreadable.count == 2)
        #expect(before.rows["alpha.mixed"]?.count == 2 * 4 * 144)
        var limits = CompactionLimits()
        if seed % 3 == 1 { limits.rows = 4_000 }
        if seed % 2 == 1 { limits.files = 5 }
        if seed % 3 == 2 { limits.footerItems = 30 }
        let compactor = archive.compactor(limits: limits)
        for day in ["2026/11/21", "2026/11/22"] {
            let report = compactor.compact(day)
            guard case .compacted(let file, sources: 24) = report.outcome else {
                Issue.record("\(report)")
                return
            }
            let files = try archive.directory.files(days: [day])
            #expect(files.map(\.path) == [file])
            #expect(compactor.compact(day).outcome == .asItWas)
        }
        let after = try FileAnswers(archive.directory)
        #expect(after == before)
        #expect(try problems(archive.directory).isEmpty)
    }

    @Test("a day that is not over, or not sealed, waits; a look changes nothing")
    func waits() throws {
        let (archive, disk) = try archive()
        let compactor = archive.compactor()
        #expect(try compactor.closedDays() == ["2026/11/21"])
        #expect(compactor.compact("2026/11/22").outcome == .waits("the day is not over"))
        #expect(compactor.compact("2199/11/22").outcome == .waits("the day is not over"))
        for day in ["2025/01/01", "2026/13/45", "foo"] {
            let outcome = compactor.compact(day).outcome
            #expect(outcome == .refused("there are no files of that day"), "\(day)")
        }
        let before = disk.paths
        #expect(
            compactor.compact("2026/11/21", isDryRun: true).outcome
                == .wouldBeCompacted(sources: 24)
        )
        #expect(
            compactor.compact("2026/11/21", mayGoOn: { false }).outcome
                == .waits("it was stopped")
        )
        #expect(disk.paths == before)
        let journal = ArchiveFile.segment(created: DayArchive.midnight + .seconds(7))
        _ = try disk.open(archive.directory.full(journal), .create)
        #expect(
            compactor.compact("2026/11/21").outcome == .waits("1 segment is not sealed yet")
        )
    }

    // Goal: power may go, or the process die, at any step, and nothing is lost or doubled.
    // Method: the k-th call that changes the disk is the last, for each k; then it goes on.
    @Test("when everything dies at any step", arguments: [false, true])
    func death(powerCut: Bool) throws {
        let (archive, disk) = try archive(every: 3_600)
        let before = try FileAnswers(archive.directory)
        let start = disk.snapshot()
        let calls = disk.callCount
        guard case .compacted = archive.compactor().compact("2026/11/21").outcome else {
            Issue.record("it was not compacted")
            return
        }
        var outcomes: Set<Bool> = []
        for step in 0..<(disk.callCount - calls) {
            disk.restore(start)
            disk.become(.dies(after: step))
            let report = archive.compactor().compact("2026/11/21")
            if case .compacted = report.outcome { Issue.record("step \(step): \(report)") }
            if powerCut { disk.powerCut() } else { disk.restart() }
            #expect(try FileAnswers(archive.directory) == before, "step \(step)")
            #expect(try problems(archive.directory).isEmpty, "step \(step)")
            let again = archive.compactor().compact("2026/11/21")
            if case .compacted = again.outcome { outcomes.insert(true) }
            if case .asItWas = again.outcome { outcomes.insert(false) }
            let files = try archive.directory.files(days: ["2026/11/21"])
            #expect(files.count == 1, "step \(step)")
            #expect(try archive.directory.names("2026/11/21").count == 1, "step \(step)")
            #expect(try FileAnswers(archive.directory) == before, "step \(step)")
        }
        #expect(outcomes == [true, false])
    }

    @Test("when any one call fails, the day is as it was and is compacted later")
    func oneFailure() throws {
        let (archive, disk) = try archive(every: 3_600)
        let before = try FileAnswers(archive.directory)
        let start = disk.snapshot()
        let calls = disk.callCount
        _ = archive.compactor().compact("2026/11/21")
        for step in 0..<(disk.callCount - calls) {
            for mood in [SimulatedDisk.Mood.fails(after: step), .full(after: step * 1_000)] {
                disk.restore(start)
                disk.become(mood)
                _ = archive.compactor().compact("2026/11/21")
                #expect(try FileAnswers(archive.directory) == before, "step \(step)")
                disk.become(.fine)
                _ = archive.compactor().compact("2026/11/21")
                #expect(try FileAnswers(archive.directory) == before, "step \(step)")
                #expect(try archive.directory.names("2026/11/21").count == 1, "step \(step)")
            }
        }
    }

    @Test("a disk without room is left alone, with the reserve in the message")
    func room() throws {
        let (archive, disk) = try archive(every: 3_600)
        let before = disk.paths
        let report = archive.compactor(reserve: .max / 2).compact("2026/11/21")
        guard case .refused(let reason) = report.outcome else {
            Issue.record("\(report)")
            return
        }
        #expect(reason.contains("MiB beside the reserve of"))
        #expect(disk.paths == before)
    }

    @Test("a damaged source is kept, and its day with it", arguments: [false, true])
    func damaged(isFooter: Bool) throws {
        let (archive, disk) = try archive(days: 2)
        let file = try archive.directory.files(days: ["2026/11/21"])[7]
        let path = archive.directory.full(file)
        disk.damage(path) { bytes in
            if isFooter { bytes.removeLast(bytes.count / 2) } else { bytes[40] ^= 1 }
        }
        let before = disk.paths
        let report = archive.compactor().compact("2026/11/21")
        guard case .refused(let reason) = report.outcome else {
            Issue.record("\(report)")
            return
        }
        #expect(reason.hasPrefix(file.path))
        #expect(disk.paths == before)
        let other = archive.compactor().compact("2026/11/22")
        guard case .compacted = other.outcome else {
            Issue.record("\(other)")
            return
        }
    }

    @Test("one segment in two files, or a file of another archive, is not compacted")
    func mixture() throws {
        let (archive, disk) = try archive(every: 3_600)
        let files = try archive.directory.files(days: ["2026/11/21"])
        let bytes = disk.bytes(of: archive.directory.full(files[3]))
        let copy = ArchiveFile.segment(created: DayArchive.midnight + .seconds(99)).sealed
        _ = try disk.open(archive.directory.full(copy), .create)
        disk.set(bytes, of: archive.directory.full(copy))
        let report = archive.compactor().compact("2026/11/21")
        guard case .refused(let reason) = report.outcome else {
            Issue.record("\(report)")
            return
        }
        #expect(reason.contains("each of its samples is there twice"))
    }
}

import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

/// A writer and a reader of one archive on a disk of the machine.
struct Rig {
    let archive = TemporaryArchive()
    let time = ManualTimeSource(start)
    let journal: JournalWriter
    let sealer: Sealer
    let lock: any FolderLock

    init(rotate: Duration = .seconds(3600), maxSize: Int = 4 << 30) throws {
        let (id, lock) = try archive.directory.lockForWriting(holder: "test writer")
        self.lock = lock
        journal = try JournalWriter(
            directory: archive.directory,
            archive: id,
            settings: JournalSettings(rotate: rotate, maxSize: maxSize),
            time: time
        )
        sealer = Sealer(directory: archive.directory, time: time)
    }

    func store() throws -> ArchiveStore {
        try ArchiveStore(archive.directory, holder: "test reader", cache: 1 << 20)
    }

    func seal() throws {
        try sealer.sealAll(openSegment: journal.segmentPath)
    }
}

extension ArchiveStore {
    func positions(_ instance: String = "alpha") throws -> [Int64] {
        let slice = try timeline(
            instance: instance,
            feed: "positions",
            fields: ["position"],
            range: .allOfTime
        )
        guard case .ints(let values)? = slice.columns.first?.values else { return [] }
        return values
    }
}

@Suite("an archive reads as one timeline")
struct ArchiveStoreTests {
    // Goal: no seam between journal and sealed files, at any moment of sealing.
    // Method: after each record the store is asked, with and without a refresh around each step.
    @Test("every record is there once, also while segments are sealed and deleted")
    func seam() throws {
        let rig = try Rig(rotate: .seconds(60))
        let store = try rig.store()
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        var expected: [Int64] = []
        for step in 1...40 {
            let instant = start + .seconds(step)
            expected.append(Int64(step))
            log.publish(
                [Block(timestamps: [instant], columns: [.ints([Int64(step)])])],
                revision: 1,
                at: instant
            )
            try log.send(to: rig.journal, received: rig.time.now)
            try rig.journal.commit()
            rig.time.now = rig.time.now + .seconds(7)
            if step % 3 == 0 { try store.refresh() }
            let before = try store.positions()
            #expect(before == Array(expected.prefix(before.count)))
            try rig.seal()
            #expect(try store.positions() == before)
            try store.refresh()
            #expect(try store.positions() == expected)
        }
        #expect(try ArchiveTool.list(rig.archive.directory).count > 4)
        #expect(store.problems.isEmpty)
        #expect(
            try store.newestCommitted(instance: "alpha", feed: "positions") == start + .seconds(40)
        )
    }

    @Test("a store that opens later finds the same as one that followed")
    func reopen() throws {
        let rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for step in 1...5 {
            let instant = start + .seconds(step)
            log.publish(
                [Block(timestamps: [instant, instant], columns: [.ints([Int64(step), 0])])],
                revision: 1,
                at: instant
            )
            try log.send(to: rig.journal, received: rig.time.now)
            try rig.journal.commit()
            rig.time.now = rig.time.now + .seconds(40)
        }
        try rig.seal()
        let expected: [Int64] = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
        for _ in 0..<2 {
            let store = try rig.store()
            #expect(try store.positions() == expected)
            let fields = try store.fields(in: .allOfTime)
            #expect(fields.map(\.name.description) == ["alpha.positions.position"])
            #expect(fields.first?.count == 10)
            #expect(fields.first?.first == start + .seconds(1))
            #expect(fields.first?.last == start + .seconds(5))
        }
    }

    @Test("late samples are sorted in, and raise the revision")
    func late() throws {
        let rig = try Rig()
        let store = try rig.store()
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for (step, value) in [(10, 1), (20, 2), (5, 3), (20, 4)] {
            let instant = start + .seconds(step)
            log.publish(
                [Block(timestamps: [instant], columns: [.ints([Int64(value)])])],
                revision: 1,
                at: instant
            )
        }
        try log.send(to: rig.journal, received: rig.time.now)
        try rig.journal.commit()
        try store.refresh()
        let slice = try store.timeline(
            instance: "alpha",
            feed: "positions",
            fields: ["position", "absent"],
            range: start..<(start + .seconds(60)),
            limit: 3
        )
        #expect(slice.columns.first?.values == .ints([3, 1, 2]))
        #expect(slice.columns.last?.presence == [false, false, false])
        #expect(slice.leftOut == 1)
        #expect(slice.revision == 1)
    }

    @Test("an integer that became a double is a double in answers and an integer in its file")
    func promotion() throws {
        let rig = try Rig(rotate: .seconds(60))
        let store = try rig.store()
        let number = Int64(1) << 40 + 1
        var log = AgentLog("alpha", epoch: 1)
        log.declare(Feed("f", fields: [Field("x", .int)]), revision: 1, at: start)
        log.declare(Feed("f", fields: [Field("x"), Field("y")]), revision: 2, at: start)
        log.publish(
            [Block(timestamps: [start], columns: [.ints([number])])],
            revision: 1,
            at: start
        )
        log.publish(
            [Block(timestamps: [start], columns: [.doubles([0.5]), .doubles([.nan])])],
            revision: 2,
            at: start
        )
        try log.send(to: rig.journal, received: rig.time.now)
        try rig.journal.commit()
        func check() throws {
            let slice = try store.timeline(
                instance: "alpha",
                feed: "f",
                fields: ["x", "y"],
                range: .allOfTime
            )
            #expect(slice.columns.first?.values == .doubles([Double(number), 0.5]))
            #expect(slice.columns.last?.presence == [false, true])
        }
        try store.refresh()
        try check()
        rig.time.now = rig.time.now + .seconds(60)
        try rig.journal.rotateIfDue(at: rig.time.now)
        try rig.seal()
        try store.refresh()
        try check()
        var values: [Value] = []
        let sealed = try ArchiveTool.list(rig.archive.directory).first?.path ?? ""
        try ArchiveTool.cat(sealed, in: rig.archive.directory) { values += $0.values.prefix(1) }
        #expect(values == [.int(number), .double(0.5)])
    }

    @Test("unfinished epochs hold the past open, until they end or are declared over")
    func epochs() throws {
        let rig = try Rig()
        let store = try rig.store()
        for epoch in 1...3 {
            var log = AgentLog("alpha", epoch: Int64(epoch))
            log.declare(.positions, revision: 1, at: start)
            if epoch == 1 { log.end(at: start) }
            try log.send(to: rig.journal, received: rig.time.now)
        }
        try rig.journal.commit()
        try store.refresh()
        #expect(store.unfinishedEpochs(of: "alpha") == [2])
        rig.journal.finish(instance: "alpha", epoch: 2)
        try rig.journal.commit()
        try store.refresh()
        #expect(store.unfinishedEpochs(of: "alpha") == [])
    }

    @Test("only one may write, and only one may index; the other is told who does")
    func locks() throws {
        let rig = try Rig()
        let store = try rig.store()
        for lock in ["archive.lock", "index.lock"] {
            #expect {
                _ = try rig.archive.directory.lock(lock, holder: "second")
            } throws: { error in
                "\(error)".contains(lock == "archive.lock" ? "test writer" : "test reader")
            }
        }
        withExtendedLifetime((rig, store)) {}
        #expect(throws: ArchiveError.remote(directory: "/nfs/archive")) {
            _ = try ArchiveDirectory("/nfs/archive", disk: SimulatedDisk())
                .lockForWriting(holder: "test")
        }
    }

    @Test("a file that is gone is a gap, until it is back; reindexing finds the same")
    func missingFile() throws {
        let rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        log.publish(
            [Block(timestamps: [start], columns: [.ints([1])])],
            revision: 1,
            at: start
        )
        try log.send(to: rig.journal, received: rig.time.now)
        rig.time.now = rig.time.now + .seconds(60)
        try rig.journal.rotateIfDue(at: rig.time.now)
        try rig.seal()
        let files = try rig.archive.directory.files().filter { $0.kind == .sealed }
        let path = try #require(files.first).path
        do {
            let store = try rig.store()
            #expect(try store.positions() == [1])
            let bytes = try Data(
                contentsOf: URL(fileURLWithPath: "\(rig.archive.directory.path)/\(path)")
            )
            try rig.archive.removeFile(path)
            try store.refreshAll()
            #expect(try store.positions() == [])
            let gap = try #require(try store.gaps(in: .allOfTime).first)
            #expect(gap.cause == "file missing: \(path)")
            #expect(gap.count == 1)
            try bytes.write(to: URL(fileURLWithPath: "\(rig.archive.directory.path)/\(path)"))
            try store.refreshAll()
            #expect(try store.positions() == [1])
            #expect(try store.gaps(in: .allOfTime).isEmpty)
        }
        var seen: [Int] = []
        let problems = try ArchiveTool.reindex(rig.archive.directory, holder: "test") { done, _ in
            seen.append(done)
        }
        #expect(problems.isEmpty)
        #expect(seen == [1])
        #expect(try rig.store().positions() == [1])
    }
}

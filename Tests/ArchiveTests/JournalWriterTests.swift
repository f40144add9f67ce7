import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

/// A log with a declaration and `count` records of one row each.
private func log(_ count: Int, instance: String = "alpha", epoch: Int64 = 1) -> AgentLog {
    var log = AgentLog(instance, epoch: epoch)
    log.declare(.positions, revision: 1, at: start)
    for _ in 0..<count {
        let instant = start + .seconds(log.last)
        log.publish(
            [Block(timestamps: [instant], columns: [.ints([log.last + 1])])],
            revision: 1,
            at: instant
        )
    }
    return log
}

@Suite("the journal's writer")
struct JournalWriterTests: WritesJournal {
    let disk = SimulatedDisk()
    let time = ManualTimeSource(start)

    @Test("what comes twice is kept once, and what never came is a row of the ledger")
    func overlapAndHole() throws {
        let journal = try writer()
        let log = log(20)
        try log.send(first: 1, last: 6, to: journal, received: start)
        try log.send(first: 4, last: 9, to: journal, received: start)
        try log.send(first: 2, last: 5, to: journal, received: start)
        try log.send(first: 15, last: 21, to: journal, received: start)
        try journal.commit()
        #expect(journal.cursors.map(\.position) == [21])
        let contents = try ArchiveContents(directory)
        #expect(contents.records.values.allSatisfy { $0 == 1 })
        #expect(contents.records.count == 8 + 7)
        let row = try #require(contents.ledger.first)
        #expect(contents.ledger.count == 1)
        #expect(row.count == 5)
        #expect(row.cause == "no longer in the log")
        #expect(row.epoch == 1 && row.positions == 10..<15)
        #expect(row.from == start + .seconds(8) && row.to == start + .seconds(14))
    }

    @Test("a new archive joins where it is told, and that is no gap")
    func join() throws {
        let journal = try writer()
        var log = AgentLog("alpha", epoch: 1)
        for _ in 1...2 { log.declare(.positions, revision: 1, at: start) }
        for position in 3...10 {
            let block = Block(timestamps: [start], columns: [.ints([Int64(position)])])
            log.publish([block], revision: 1, at: start)
        }
        journal.join(instance: "alpha", epoch: 1, after: 1, crc: 5)
        try log.send(to: journal, received: start)
        try journal.commit()
        #expect(journal.cursors.map(\.position) == [10])
        let contents = try ArchiveContents(directory)
        #expect(contents.records.count == 8)
        #expect(contents.ledger.isEmpty)
    }

    @Test("declarations that came earlier can be told without records")
    func declarationsAlone() throws {
        let journal = try writer()
        let log = log(9)
        journal.join(instance: "alpha", epoch: 1, after: 1, crc: 5)
        try log.frames[0].withUnsafeBytes { frame in
            try journal.append(
                instance: "alpha",
                epoch: 1,
                first: 2,
                count: 0,
                received: start,
                frames: frame
            )
        }
        try log.send(to: journal, received: start)
        try journal.commit()
        let contents = try ArchiveContents(directory)
        #expect(contents.records.count == 9)
        #expect(contents.ledger.isEmpty)
    }

    @Test("the cursor carries the checksum of the last record, and the end of an epoch")
    func cursors() throws {
        let journal = try writer()
        var log = log(3)
        try log.send(to: journal, received: start)
        #expect(journal.cursors.isEmpty)
        try journal.commit()
        let frame = log.frames[3]
        let crc = frame[8..<12].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        #expect(
            journal.cursors == [Cursor(instance: "alpha", epoch: 1, position: 4, crc: crc)]
        )
        log.end(at: start)
        try log.send(to: journal, received: start)
        try journal.commit()
        #expect(journal.cursors.map(\.isFinished) == [true])
        #expect(try writer().cursors == journal.cursors)
    }

    @Test("segments end at multiples of `rotate`; a clock that runs backwards changes nothing")
    func rotation() throws {
        let journal = try writer(JournalSettings(rotate: .seconds(3600)))
        let log = log(10)
        // It is 05:10; the hour ends at 06:00.
        var paths: [String] = []
        for minutes in [0, 49, 50, 20, -600, 109, 110] {
            try log.send(to: journal, most: 1, received: start + .seconds(minutes * 60))
            paths.append(journal.segmentPath)
        }
        try journal.commit()
        #expect(paths[0] == paths[1])
        #expect(paths[1] != paths[2])
        #expect(Set(paths[2...5]).count == 1)
        #expect(paths[5] != paths[6])
        #expect(paths.map { $0.prefix(17) }[0] == "2026/11/21/051000")
        #expect(paths.map { $0.prefix(17) }[2] == "2026/11/21/060000")
        #expect(journal.takeClosedSegments() == [paths[0], paths[2]])
        #expect(try ArchiveContents(directory).records.count == 6)
    }

    @Test("a segment ends before it would be longer than it may be")
    func maxSize() throws {
        let journal = try writer(JournalSettings(maxSize: 4096))
        let log = log(200)
        while journal.cursor(of: "alpha", epoch: 1)?.position != log.last {
            try log.send(to: journal, most: 5, received: start)
        }
        try journal.commit()
        let sizes = try directory.files().map {
            try disk.open(directory.full($0), .read).size()
        }
        #expect(sizes.count >= 3)
        #expect(sizes.allSatisfy { $0 <= 4096 })
        try Sealer(directory: directory, time: time).sealAll(openSegment: journal.segmentPath)
        let contents = try ArchiveContents(directory)
        #expect(contents.records.count == 200)
        #expect(contents.records.values.allSatisfy { $0 == 1 })
    }

    @Test("a disk that stays full keeps what was appended, and litters nothing")
    func fullDisk() throws {
        let journal = try writer()
        let log = log(5)
        try log.send(to: journal, received: start)
        let before = disk.paths.count
        disk.become(.dies(after: 0))
        for _ in 0..<5 {
            #expect(throws: ArchiveError.self) { try journal.commit() }
            #expect(journal.cursors.isEmpty)
        }
        disk.restart()
        try journal.commit()
        #expect(journal.cursors.map(\.position) == [6])
        #expect(disk.paths.count <= before + 1)
        let contents = try ArchiveContents(directory)
        #expect(contents.records.count == 5)
        #expect(contents.records.values.allSatisfy { $0 == 1 })
    }

    @Test("a rotated segment declares again what goes on in it")
    func declarations() throws {
        let log = log(3)
        var journal = try writer(JournalSettings(rotate: .seconds(60)))
        try log.send(to: journal, most: 2, received: start)
        try journal.rotateIfDue(at: start + .seconds(60))
        let sealer = Sealer(directory: directory, time: time)
        try sealer.sealAll(openSegment: journal.segmentPath)
        time.now = start + .seconds(61)
        // Nothing but a sealed file and an empty segment is left to tell the declaration.
        journal = try writer()
        try sealer.sealAll(openSegment: journal.segmentPath)
        journal = try writer()
        try log.send(to: journal, received: time.now)
        try journal.commit()
        let contents = try ArchiveContents(directory)
        #expect(contents.records.count == 3)
        #expect(contents.ledger.isEmpty)
    }
}

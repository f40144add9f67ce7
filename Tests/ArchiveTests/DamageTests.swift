import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

/// An archive with 40 records of alpha in batches of four; the first segment closed.
private func damaged(
    rotate: Bool = true,
    _ change: (inout Data, [Int]) -> Void
) throws -> Rig {
    let rig = try Rig(rotate: .seconds(60))
    var log = AgentLog("alpha", epoch: 1)
    log.declare(.positions, revision: 1, at: start)
    var ends: [Int] = []
    let path = rig.journal.segmentPath
    for step in 1...40 {
        let instant = start + .seconds(step)
        log.publish(
            [Block(timestamps: [instant], columns: [.ints([log.last + 1])])],
            revision: 1,
            at: instant
        )
        if step % 4 == 0 {
            try log.send(to: rig.journal, received: start)
            try rig.journal.commit()
            ends.append(rig.journal.segmentByteCount)
        }
    }
    if rotate {
        rig.time.now = start + .seconds(60)
        try rig.journal.rotateIfDue(at: rig.time.now)
    }
    try rig.archive.damage(path) { change(&$0, ends) }
    return rig
}

@Suite("damage to a journal costs what it hit, and is told")
struct JournalDamageTests {
    /// Places in the first segment, what is left of 40 records, and words of the ledger.
    static let cases: [(name: String, left: Int, words: String)] = [
        ("flip in batch 3", 36, "damage: 2026/11/21/"),
        ("length of batch 3", 36, "damage: 2026/11/21/"),
        ("magic of batch 3", 36, "damage: 2026/11/21/"),
        ("end cut off", 36, "cut off"),
        ("end cut off between entries", 36, "ends before its last commit"),
        ("rubbish at the end", 40, ""),
    ]

    private func make(_ name: String) throws -> Rig {
        try damaged { data, ends in
            switch name {
            case "flip in batch 3": data[ends[1] + 60] ^= 1
            case "length of batch 3": data[ends[1] + 5] ^= 1
            case "magic of batch 3": data[ends[1]] ^= 1
            case "end cut off": data.removeLast(10)
            case "end cut off between entries": data.removeLast(data.count - ends[8])
            default: data.append(contentsOf: Array(repeating: 0xA7, count: 100))
            }
        }
    }

    @Test("as a segment is sealed", arguments: cases)
    func sealed(name: String, left: Int, words: String) throws {
        let rig = try make(name)
        try rig.seal()
        let contents = try ArchiveContents(rig.archive.directory)
        #expect(contents.records.count == left)
        #expect(contents.records.values.allSatisfy { $0 == 1 })
        #expect(contents.ledger.reduce(0) { $0 + ($1.count ?? 0) } == 40 - left)
        #expect(contents.ledger.allSatisfy { $0.cause.contains(words) })
        #expect(contents.ledger.isEmpty == (left == 40))
    }

    @Test("as a segment is followed", arguments: cases.prefix(3))
    func followed(name: String, left: Int, words: String) throws {
        let rig = try make(name)
        let store = try rig.store()
        #expect(try store.positions().count == left)
        #expect(try store.gaps(in: .allOfTime).map(\.count) == [4])
        #expect(store.problems.count == 1)
        var lines: [String] = []
        let summary = try ArchiveTool.verify(rig.archive.directory) { lines.append($0) }
        #expect(summary.problems == 1)
        #expect(lines.first?.contains("is damaged: ") == true)
    }

    @Test("an entry that is still being written is read when it is whole")
    func incompleteTail() throws {
        var whole = Data()
        let rig = try damaged(rotate: false) { data, ends in
            whole = data
            data.removeLast(data.count - ends[8] - 30)
        }
        let store = try rig.store()
        #expect(try store.positions().count == 36)
        try rig.archive.damage(rig.journal.segmentPath) { $0 = whole }
        // The store holds the file open under its old name: the new one is another file.
        let again = JournalFollower(
            try rig.archive.directory.disk.open(
                "\(rig.archive.directory.path)/\(rig.journal.segmentPath)",
                .read
            )
        )
        var count = 0
        try again.read(isClosed: false) { _ in
            count += 1
        } others: { _ in
        }
        #expect(count == 40)
        #expect(store.problems.isEmpty)
    }

    @Test("a record that cannot be decoded is kept as it came")
    func unreadable() throws {
        let rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        log.addRubbish()
        log.publish(
            [Block(timestamps: [start], columns: [.ints([3])])],
            revision: 1,
            at: start
        )
        log.publish(
            [Block(timestamps: [start], columns: [.ints([4])])],
            revision: 9,
            at: start
        )
        log.lose(
            RecordLoss(epoch: 1, first: 1, count: 12, from: start, to: start, cause: "spool full"),
            at: start
        )
        try log.send(to: rig.journal, received: start)
        rig.time.now = start + .seconds(60)
        try rig.journal.rotateIfDue(at: rig.time.now)
        #expect(rig.journal.cursors.map(\.position) == [5])
        try rig.seal()
        let store = try rig.store()
        #expect(try store.positions() == [3])
        let causes = try store.gaps(in: .allOfTime).map(\.cause)
        // What the loss record is about is there.
        #expect(causes.count == 2)
        #expect(causes.count { $0.hasPrefix("unreadable: malformed record") } == 2)
        let files = try rig.archive.directory.files().filter { $0.kind == .sealed }
        let file = try SealedFile.open(
            rig.archive.directory.full(try #require(files.first))
        )
        #expect(file.footer.unreadable.map(\.position) == [2, 4])
        let payload = try file.bytes(of: file.footer.unreadable[0].chunk)
        #expect(payload == Array(log.frames[1][12...]))
    }
}

@Suite("damage to a sealed file is found and told")
struct SealedDamageTests {
    @Test("each chunk, roll-up and end", arguments: 0..<12)
    func places(place: Int) throws {
        let rig = try damaged { _, _ in }
        try rig.seal()
        let files = try rig.archive.directory.files().filter { $0.kind == .sealed }
        let file = try #require(files.first)
        let footer = try SealedFile.open(rig.archive.directory.full(file)).footer
        let group = footer.timelines[0].groups[0]
        let column = try #require(group.rollups[0].columns[0])
        let rows = try #require(group.rollups[0].rows)
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: rig.archive.directory.full(file))
        )
        let table: [(Int, String)] = [
            (group.times.offset, "(times of alpha.positions) is damaged: checksum"),
            (group.columns[0].chunk.offset, "(alpha.positions.position) is damaged: checksum"),
            (group.rollups[0].starts.offset, "roll-up by minute"),
            (rows.offset, "roll-up by minute"),
            (column.numbers[0].offset, "roll-up by minute"),
            (0, "its head is damaged (at byte 0: "), (9, "its head is damaged (at byte 9: "),
            (bytes.count - 1, "no magic at byte"), (bytes.count - 40, "the footer is none"),
            (bytes.count - 20, "the footer is damaged"),
            (bytes.count - 12, "its trailer says version 2"),
            (bytes.count - 41, "the footer is damaged"),
        ]
        let (offset, words) = table[place]
        try rig.archive.damage(file.path) { $0[offset] ^= 1 }
        var lines: [String] = []
        let summary = try ArchiveTool.verify(rig.archive.directory) { lines.append($0) }
        #expect(summary.problems == 1)
        #expect(lines.first?.hasPrefix(file.path) == true)
        #expect(lines.first?.contains(words) == true, "\(lines)")
    }

    @Test("a whole archive has no problem")
    func whole() throws {
        let rig = try damaged { _, _ in }
        for isSealed in [false, true] {
            if isSealed { try rig.seal() }
            let summary = try ArchiveTool.verify(rig.archive.directory) { Issue.record("\($0)") }
            #expect(summary.problems == 0)
            #expect(summary.rows == 40)
            #expect(summary.files == 2)
        }
    }
}

import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("damage to a sealed file costs what it hit, never an answer")
struct DamagedSealedTests {
    @Test("a damaged value costs the values of its field in its group")
    func value() throws {
        let archive = try SmallArchive()
        let file = try archive.sealed()[1]
        let whole = try archive.bytes(file.path)
        let footer = try archive.open(file).footer
        let timeline = try #require(footer.timelines.first { $0.feed.name == "mixed" })
        let group = timeline.groups[0]
        let before = try archive.rig.answersOnce()
        let store = try archive.rig.store()
        let offset = group.columns[1].chunk.offset
        try archive.put(flipped(whole, offset), at: file.path, asNewFile: true)
        try store.refresh()

        let answers = try Answers(store)
        #expect(answers.positions == before.positions)
        #expect(answers.mixed.timestamps == before.mixed.timestamps)
        let rows = SmallArchive.rows..<2 * SmallArchive.rows
        for (place, column) in answers.mixed.columns.enumerated() {
            for row in 0..<column.count {
                let isLost = place == 1 && rows.contains(row)
                let expected = isLost ? .null : before.mixed.columns[place].value(at: row)
                #expect(column.value(at: row) == expected)
            }
        }
        #expect(
            answers.gaps == [
                LedgerEntry(
                    instance: "alpha",
                    feed: "mixed",
                    from: group.first,
                    to: group.last + .nanoseconds(1),
                    count: 30,
                    cause: "damage: \(file.path): chunk at byte \(offset) of alpha.mixed.x"
                )
            ]
        )
        #expect(store.problems == answers.gaps.map(\.cause))

        try archive.put(whole, at: file.path, asNewFile: false)
        try store.refresh()
        #expect(try Answers(store) == before)
        #expect(store.problems.isEmpty)
    }

    @Test("damaged times cost the rows of their group")
    func times() throws {
        let archive = try SmallArchive()
        let file = try archive.sealed()[0]
        let whole = try archive.bytes(file.path)
        let footer = try archive.open(file).footer
        let timeline = try #require(footer.timelines.first { $0.feed.name == "mixed" })
        let offset = timeline.groups[0].times.offset
        let store = try archive.rig.store()
        try archive.put(flipped(whole, offset), at: file.path, asNewFile: false)
        let answers = try Answers(store)
        #expect(answers.mixed.timestamps.count == 3 * SmallArchive.rows)
        #expect(answers.mixed.timestamps.first == start + .seconds(60))
        #expect(answers.positions.timestamps.count == 4 * SmallArchive.rows)
        let cause = "damage: \(file.path): chunk at byte \(offset) of times of alpha.mixed"
        #expect(answers.gaps.map(\.cause) == [cause])
        #expect(answers.gaps.map(\.count) == [30])
        // Counting needs the times as well, where an edge cuts the group.
        let edges = [start, start + .seconds(10), start + .seconds(300)]
        let counts = try store.rowCounts(between: edges) { $0 == "alpha.mixed" }
        #expect(counts.map(\.rows) == [[0, 90]])
        try archive.put(whole, at: file.path, asNewFile: false)
        try store.refresh()
        #expect(try Answers(store).gaps.isEmpty)
        #expect(try Answers(store).mixed.timestamps.count == 4 * SmallArchive.rows)
    }

    @Test("a damaged roll-up costs nothing: the samples tell the same")
    func rollup() throws {
        let rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        let times = (0..<600).map { start + .seconds($0) }
        let block = Block(timestamps: times, columns: [.ints((0..<600).map(Int64.init))])
        log.publish([block], revision: 1, at: start)
        try log.send(to: rig.journal, received: start)
        try rig.journal.commit()
        rig.time.now = start + .seconds(60)
        try rig.journal.rotateIfDue(at: rig.time.now)
        try rig.seal()
        let file = try #require(rig.archive.directory.files().first { $0.kind == .sealed })
        let footer = try SealedFile.open(rig.archive.directory.full(file)).footer
        let group = try #require(footer.timelines.first?.groups.first)
        let rollup = try #require(group.rollups.first { $0.tier == .minute })
        func buckets(_ store: ArchiveStore) throws -> TimelineBuckets? {
            try store.buckets(
                instance: "alpha",
                feed: "positions",
                fields: ["position"],
                grid: BucketGrid((start + .seconds(30))..<(start + .seconds(600)), count: 10)
            )
        }
        var store: ArchiveStore? = try rig.store()
        let before = try store.flatMap(buckets)
        #expect(before?.tier == .minute)
        #expect(before?.columns[0]?.count == [90, 120, 120, 120, 120])
        let offset = try #require(rollup.columns[0]).numbers[0].offset
        try rig.archive.damage(file.path) { $0[offset] ^= 1 }
        #expect(try store.flatMap(buckets)?.tier == .minute, "what is decoded already stays")
        store = nil
        let again = try rig.store()
        let after = try buckets(again)
        #expect(after?.tier == .raw)
        #expect(after?.ranges == before?.ranges)
        #expect(after?.columns[0]?.min == before?.columns[0]?.min)
        #expect(after?.columns[0]?.mean == before?.columns[0]?.mean)
        #expect(try again.gaps(in: .allOfTime).allSatisfy { $0.kind == .clock })
    }

    static let ends: [String] = [
        "random bytes", "empty", "truncated", "foreign", "both footers", "a folder",
    ]

    // Goal: one file of many is no file of an archive any more, before or while it is served.
    // Method: each way; the others still answer; the hole is told; a copy put back is used.
    @Test("a file that cannot be opened is a gap until it can", arguments: ends, [false, true])
    func unopenable(way: String, isServed: Bool) throws {
        let archive = try SmallArchive()
        let file = try archive.sealed()[1]
        let whole = try archive.bytes(file.path)
        let before = try archive.rig.answersOnce()
        let served = isServed ? try archive.rig.store() : nil
        if let served { #expect(try Answers(served) == before) }
        if way == "a folder" {
            try archive.rig.archive.removeFile(file.path)
            try archive.directory.disk.createFolder(archive.directory.full(file))
        } else {
            try archive.put(Self.broken(whole, way), at: file.path, asNewFile: true)
        }
        let store = try served ?? archive.rig.store()
        try store.refresh()
        let answers = try Answers(store)
        if isServed, way == "both footers" {
            // What they said is in memory, and the chunks are whole.
            #expect(answers == before)
            return
        }
        #expect(answers.values == before.values / 4 * 3)
        #expect(answers.gaps.count == (isServed ? 2 : 1))
        for gap in answers.gaps {
            #expect(gap.cause.hasPrefix("damage: \(file.path): "))
            #expect(gap.kind == .missing && gap.instance == "alpha")
            #expect(gap.from <= start + .seconds(60) && gap.to > start + .seconds(89))
            #expect(gap.count == (isServed ? 30 : nil))
        }
        #expect(store.problems.count == 1)
        #expect(store.problems.allSatisfy { $0.hasPrefix(file.path) })

        if way == "a folder" { try archive.rig.archive.removeFile(file.path) }
        try archive.put(whole, at: file.path, asNewFile: true)
        try store.refresh()
        #expect(try Answers(store) == before)
        #expect(store.problems.isEmpty)
    }

    private static func broken(_ whole: Data, _ way: String) -> Data {
        var data = whole
        var random = SeededGenerator(seed: 7)
        switch way {
        case "random bytes":
            return Data(whole.map { _ in UInt8.random(in: 0...255, using: &random) })
        case "empty": return Data()
        case "truncated": return whole.prefix(200)
        case "foreign": return Data("%PDF-1.4 a manual of the cryostat".utf8)
        case "both footers":
            data[data.count - 45] ^= 1
            let first = data.range(of: Data(SealedLayout.closingMagic))
            if let first { data[first.lowerBound - 33] ^= 1 }
        default:
            if way.hasPrefix("head") { data[0] ^= 1 }
            if way.hasSuffix("last footer") { data[data.count - 45] ^= 1 }
        }
        return data
    }

    // Goal: an end that is damaged costs nothing while another one tells all, and is told.
    @Test("a damaged end is a problem and no gap", arguments: flaws, [false, true])
    func flawed(way: String, isServed: Bool) throws {
        let archive = try SmallArchive()
        let file = try archive.sealed()[1]
        let whole = try archive.bytes(file.path)
        let before = try archive.rig.answersOnce()
        var served = isServed ? try archive.rig.store() : nil
        if let served { #expect(try Answers(served) == before) }
        try archive.put(Self.broken(whole, way), at: file.path, asNewFile: true)
        let store = try served ?? archive.rig.store()
        served = nil
        try store.refresh()
        #expect(try Answers(store) == before)
        // What is open and ends as it did is not opened again.
        let isKnown = !isServed || way != "last footer"
        let words = way == "last footer" ? "one of its footers is damaged (" : "its head is "
        #expect(store.problems.count == (isKnown ? 1 : 0))
        #expect(store.problems.allSatisfy { $0.hasPrefix("\(file.path): \(words)") })

        try archive.put(whole, at: file.path, asNewFile: true)
        try store.refresh()
        #expect(try Answers(store) == before)
        #expect(store.problems.isEmpty)
    }

    static let flaws = ["head", "last footer", "head and last footer"]

    // Goal: rows of a file that was cut are there, or are rows of the ledger.
    @Test("cut at every 1/64, before and while it is served", arguments: [false, true])
    func cut(isServed: Bool) throws {
        let archive = try SmallArchive()
        let file = try archive.sealed()[1]
        let whole = try archive.bytes(file.path)
        let before = try archive.rig.answersOnce()
        let store = isServed ? try archive.rig.store() : nil
        var lost = 0
        for part in 0..<64 {
            let end = whole.count * part / 64
            try archive.put(whole.prefix(end), at: file.path, asNewFile: true)
            try store?.refresh()
            let answers = try store.map { try Answers($0) } ?? archive.rig.answersOnce()
            if answers == before { continue }
            lost += 1
            #expect(answers.values == before.values / 4 * 3, "\(part)/64")
            #expect(answers.gaps.count == (isServed ? 2 : 1), "\(part)/64")
            for gap in answers.gaps {
                #expect(gap.cause.hasPrefix("damage: \(file.path): "))
                #expect(gap.cause.contains(" byte"), "\(gap.cause)")
                #expect(gap.from <= start + .seconds(60) && gap.to > start + .seconds(89))
            }
        }
        #expect(lost > 16 && lost < 64)
        try archive.put(whole, at: file.path, asNewFile: true)
        try store?.refresh()
        #expect(try store.map { try Answers($0) } ?? archive.rig.answersOnce() == before)
    }

    @Test("another file in the place of one is answered from, in the newest days and in older ones")
    func replaced() throws {
        let archive = try SmallArchive()
        let files = try archive.sealed()
        let store = try archive.rig.store()
        let before = try Answers(store)
        let (first, second) = (try archive.bytes(files[0].path), try archive.bytes(files[1].path))
        try archive.put(second, at: files[0].path, asNewFile: true)
        try archive.put(first, at: files[1].path, asNewFile: true)
        try store.refresh()
        #expect(try Answers(store).mixed == before.mixed)
        #expect(try Answers(store).gaps.isEmpty)
    }
}

/// `data` with one bit changed.
private func flipped(_ data: Data, _ offset: Int) -> Data {
    var data = data
    data[offset] ^= 1
    return data
}

extension Rig {
    /// What a store answers that leaves no index behind.
    func answersOnce() throws -> Answers {
        defer { ArchiveIndex.delete("\(archive.directory.path)/index.sqlite") }
        return try Answers(store())
    }
}

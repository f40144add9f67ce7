import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

// Goal: whatever happens to the files of an archive, no answer has a wrong value, nothing crashes,
// and each row that is missing is told.
// Method: 1,000 seeded damages, ten in each of 100 copies of a small archive: a bit flipped, bytes
// zeroed, cut out or doubled, in any of its files. Then it is sealed and opened as after a restart.
@Suite("a thousand random damages")
struct RandomDamageTests {
    static let seeds: [UInt64] = [1, 2, 3, 4]
    private static let rounds = 25
    private static let damages = 10

    @Test("no crash, no wrong value, and every missing row is in the ledger", arguments: seeds)
    func random(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let archive = try SmallArchive()
        let expected: Answers
        do { expected = try Answers(archive.rig.store()) }
        archive.rig.time.now = start + .seconds(600)
        try archive.rig.journal.rotateIfDue(at: archive.rig.time.now)
        let open = archive.rig.journal.segmentPath
        archive.rig.lock.unlock()
        let paths = try archive.directory.files().map(\.path).filter { $0 != open }
        let victims = paths + ["archive.id", "index.sqlite", "index.sqlite.sum"]
        var lost = 0
        for round in 0..<Self.rounds {
            let copy = TemporaryArchive()
            try FileManager.default.copyItem(
                atPath: archive.directory.path,
                toPath: copy.directory.path
            )
            var done: [String] = []
            for _ in 0..<Self.damages {
                let path = victims[Int.random(in: victims.indices, using: &random)]
                try copy.damage(path) { data in
                    done.append("\(path): \(Self.damage(&data, &random))")
                }
            }
            if let flaw = try Self.flaw(copy.directory, open: open, expected, &lost) {
                Issue.record("seed \(seed), round \(round): \(flaw) after \(done)")
                return
            }
        }
        #expect(lost > Self.rounds * 10, "damage that hits nothing proves nothing")
    }

    /// Changes some bytes; returns what was done.
    private static func damage(_ data: inout Data, _ random: inout SeededGenerator) -> String {
        guard !data.isEmpty else { return "nothing, since it is empty" }
        let start = Int.random(in: 0..<data.count, using: &random)
        let end = min(data.count, start + Int.random(in: 1...200, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
            data[start] ^= 1 << UInt8.random(in: 0...7, using: &random)
            return "flip at \(start)"
        case 1:
            data.replaceSubrange(start..<end, with: Data(repeating: 0, count: end - start))
            return "zero \(start)-\(end)"
        case 2:
            data.removeSubrange(start..<end)
            return "without \(start)-\(end)"
        case 3:
            data.removeSubrange(start...)
            return "cut at \(start)"
        default:
            data.insert(contentsOf: data.subdata(in: start..<end), at: end)
            return "doubled \(start)-\(end)"
        }
    }

    /// The first thing that is wrong with what a damaged archive answers; nil if nothing is.
    private static func flaw(
        _ directory: ArchiveDirectory,
        open: String,
        _ expected: Answers,
        _ lost: inout Int
    ) throws -> String? {
        try Sealer(directory: directory, time: ManualTimeSource(start)).sealAll(openSegment: open)
        let store = try ArchiveStore(directory, holder: "test", cache: 1 << 20)
        _ = try Answers(store)
        try store.refresh()
        let found = try Answers(store)
        lost += expected.values - found.values
        _ = try store.fields(in: .allOfTime)
        _ = try ArchiveTool.verify(directory) { _ in }
        return flaw(found.mixed, expected.mixed, "mixed", found.gaps)
            ?? flaw(found.positions, expected.positions, "positions", found.gaps)
    }

    /// Compares one timeline, whose first column is the position of the record.
    private static func flaw(
        _ found: TimelineSlice,
        _ expected: TimelineSlice,
        _ feed: String,
        _ gaps: [LedgerEntry]
    ) -> String? {
        var rows: [Timestamp: Int] = [:]
        for (row, instant) in found.timestamps.enumerated() {
            guard rows.updateValue(row, forKey: instant) == nil else {
                return "\(feed) at \(instant) is there twice"
            }
        }
        for (row, instant) in expected.timestamps.enumerated() {
            let there = rows.removeValue(forKey: instant)
            for (place, column) in expected.columns.enumerated() {
                let value = there.map { found.columns[place].value(at: $0) } ?? .null
                guard value != column.value(at: row) else { continue }
                guard value == .null else { return "\(feed) at \(instant) is \(value)" }
                let position = expected.columns[0].value(at: row).int ?? 0
                guard gaps.contains(where: { $0.covers(feed, instant, position) }) else {
                    return "\(feed) at \(instant), position \(position), is missing untold"
                }
            }
        }
        return rows.isEmpty ? nil : "\(feed) has rows that never were"
    }
}

extension LedgerEntry {
    /// Whether it says that a record with one row may be missing.
    fileprivate func covers(_ feed: String, _ instant: Timestamp, _ position: Int64) -> Bool {
        guard kind == .missing, instance == "alpha", self.feed ?? feed == feed else { return false }
        return positions?.contains(position) ?? (from <= instant && instant <= to)
    }
}

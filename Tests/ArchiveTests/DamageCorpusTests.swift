import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

/// A way to change one place of a file.
enum Damage: CaseIterable {
    case flip, zero, cut

    func apply(at place: Int, to bytes: inout [UInt8]) {
        switch self {
        case .flip: bytes[place] ^= 1 << UInt8(place % 8)
        case .zero: bytes[place] = 0
        case .cut: bytes.removeLast(bytes.count - place)
        }
    }
}

@Suite("every byte of a sealed file")
struct SealedCorpusTests {
    private let disk = SimulatedDisk()
    private let path = "/archive/f.cerro"
    private let times: [Int64] = (0..<12).map { start.nanoseconds + $0 * 1_000_000_000 }
    private let columns: [Column] = [
        Column(.doubles((0..<12).map { Double($0) / 3 })), Column(.ints((0..<12).map { $0 * $0 })),
        Column(.strings((0..<12).map { "n\($0)" }), presence: (0..<12).map { $0 != 5 }),
    ]

    private func make() throws -> SealedFooter {
        try disk.createFolder("/archive")
        let output = BufferedFile(try disk.open(path, .create))
        var footer = SealedFooter(
            id: "f",
            archive: "a",
            created: start,
            sources: ["s"],
            receivedFrom: start,
            receivedTo: start
        )
        footer.ledger = [
            LedgerEntry(
                instance: "alpha",
                feed: nil,
                from: start,
                to: start,
                count: 1,
                cause: "spool full"
            )
        ]
        var builder = try SealedFileBuilder(footer) { try output.write($0) }
        try builder.add(
            "alpha",
            feed: Feed("f", fields: [Field("x"), Field("n", .int), Field("s", .string)]),
            epochs: [1],
            times: times,
            received: times,
            columns: columns
        )
        try [1, 2, 3].withUnsafeBytes { bytes in
            try builder.add(
                unreadable: bytes,
                instance: "alpha",
                epoch: 1,
                position: 9,
                received: start,
                reason: "too new"
            )
        }
        defer { _ = try? output.finish() }
        return try builder.finish()
    }

    /// The words that damage at a place has to give; nil where nothing depends on it.
    private func words(at place: Int, _ footer: SealedFooter) -> String? {
        let group = footer.timelines[0].groups[0]
        var chunks = [(group.times, "times of alpha.f")]
        for (field, name) in ["x", "n", "s"].enumerated() {
            chunks.append((group.columns[field].chunk, "alpha.f.\(name)"))
        }
        for (chunk, name) in chunks where chunk.range.contains(place) {
            return "chunk at byte \(chunk.offset) (\(name)) is damaged: checksum "
        }
        let kept = footer.unreadable[0].chunk.range
        return switch place {
        case 0..<16: "its head is damaged (at byte \(place): "
        case kept: "unreadable record 9 of alpha at byte \(kept.lowerBound) is damaged as well"
        case ..<kept.lowerBound: "the roll-up by "
        default: "one of its footers is damaged ("
        }
    }

    // Goal: no byte of a sealed file can turn into a wrong value, and no damage stays untold.
    @Test("one bit, or all of one byte", arguments: [Damage.flip, .zero])
    func bytes(damage: Damage) throws {
        let footer = try make()
        let whole = disk.bytes(of: path)
        #expect(whole.count < 4000)
        var flaws: [String] = []
        for place in whole.indices {
            var bytes = whole
            damage.apply(at: place, to: &bytes)
            guard bytes != whole else { continue }
            disk.set(bytes, of: path)
            var found: [String] = []
            do {
                let sealed = try SealedFile.open(path, disk: disk)
                _ = ArchiveTool.check(sealed, path, &found)
                checkValues(sealed, place)
            } catch {
                found.append("\(error)")
            }
            let words = words(at: place, footer)
            // Those of a roll-up that all fields share are told of each of them.
            let isTold = found.allSatisfy { words.map($0.contains) ?? false }
            if !isTold || found.isEmpty != (words == nil) || found.count > 3 {
                flaws.append("byte \(place): \(found), expected \(words ?? "nothing")")
            }
        }
        #expect(flaws.isEmpty, "\(flaws.count): \(flaws.prefix(3))")
    }

    @Test("cut at every byte: nothing, or all of it")
    func cuts() throws {
        let footer = try make()
        let whole = disk.bytes(of: path)
        var opened = 0
        for end in whole.indices {
            disk.set(Array(whole[..<end]), of: path)
            do throws(ArchiveError) {
                let sealed = try SealedFile.open(path, disk: disk)
                opened += 1
                let isSame =
                    sealed.footer.timelines[0].groups[0].times
                    == footer.timelines[0].groups[0].times
                #expect(isSame)
                checkValues(sealed, end)
            } catch {
                #expect("\(error)".hasPrefix("\(path): "))
                #expect("\(error)".contains("cut off") || "\(error)".contains("the footer is"))
            }
        }
        // From where the last part of the footer is whole.
        #expect(opened > whole.count / 4)
    }

    /// Whether each value that can be read is the one that was written, and few cannot.
    private func checkValues(_ sealed: SealedFile, _ place: Int) {
        let timeline = sealed.footer.timelines[0]
        let group = timeline.groups[0]
        var lost = 0
        if let found = try? sealed.times(of: group, in: timeline) {
            #expect(found == times, "byte \(place)")
        } else {
            lost += 1
        }
        for (field, column) in columns.enumerated() {
            let chunk = group.columns[field].chunk
            let found = try? sealed.column(chunk, column.type, rows: 12, of: "x")
            if let found { #expect(found == column, "byte \(place)") } else { lost += 1 }
        }
        #expect(lost <= 1, "byte \(place)")
    }
}

@Suite("every byte of a journal")
struct JournalCorpusTests {
    private let scenario = JournalStage()

    // Goal: what a damaged byte hits is one entry, and each of its records is in the ledger.
    @Test("one bit, all of one byte, cut", arguments: Damage.allCases)
    func bytes(damage: Damage) throws {
        let (path, snapshot) = try scenario.make()
        let whole = scenario.disk.bytes(of: path)
        // The cut at an even byte says no less than at each: the frames have both kinds of ends.
        let step = damage == .flip ? 1 : 2
        var flaws: [String] = []
        for place in stride(from: 0, to: whole.count, by: step) {
            var bytes = whole
            damage.apply(at: place, to: &bytes)
            guard bytes != whole else { continue }
            scenario.disk.restore(snapshot)
            scenario.disk.set(bytes, of: path)
            if let flaw = try scenario.flaw() { flaws.append("byte \(place): \(flaw)") }
        }
        #expect(flaws.isEmpty, "\(flaws.count): \(flaws.prefix(5))")
    }
}

/// A journal of twelve records in two segments, on a disk in memory.
private final class JournalStage {
    let disk = SimulatedDisk()
    private let time = ManualTimeSource(start)
    private var last: Int64 = 0
    private var segment = ""
    private var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }

    /// The path of the first segment, and the disk with it.
    func make() throws -> (path: String, snapshot: SimulatedDiskSnapshot) {
        let (id, lock) = try directory.lockForWriting(holder: "test")
        let journal = try JournalWriter(
            directory: directory,
            archive: id,
            settings: JournalSettings(rotate: .seconds(60)),
            time: time
        )
        let path = directory.full(journal.segmentPath)
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for step in 1...11 {
            let instant = start + .seconds(step)
            let block = Block(timestamps: [instant], columns: [.ints([log.last + 1])])
            log.publish([block], revision: 1, at: instant)
            if step % 3 == 0 || step == 11 {
                try log.send(to: journal, received: instant)
                try journal.commit()
            }
        }
        last = log.last
        time.now = start + .seconds(60)
        try journal.rotateIfDue(at: time.now)
        segment = journal.segmentPath
        lock.unlock()
        return (path, disk.snapshot())
    }

    /// What is wrong once the first segment is sealed; nil if each record is there or entered once.
    func flaw() throws -> String? {
        try Sealer(directory: directory, time: time).sealAll(openSegment: segment)
        let contents = try ArchiveContents(directory)
        let rows = contents.ledger.filter { $0.kind == .missing && $0.instance == "alpha" }
        for record in contents.records {
            guard (2...last).contains(record.key.position), record.value == 1 else {
                return "\(record.key.position) is there \(record.value) times"
            }
        }
        for position in 2...last {
            let there = contents.records[HeldRecord(instance: "alpha", position: position)] ?? 0
            let named = rows.count { $0.positions?.contains(position) == true }
            let instant = start + .seconds(Int(position) - 1)
            // Where the opening is gone with all behind it, nobody knows which records there were.
            let isDoubtful = rows.contains {
                $0.first == nil && $0.count == nil && $0.from <= instant && instant < $0.to
            }
            guard there + named == 1 || there + named == 0 && isDoubtful else {
                return "\(position) is there \(there) times, and missing in \(named) rows"
            }
        }
        return rows.allSatisfy {
            $0.cause.hasPrefix("damage: ") || $0.cause.hasPrefix("unreadable")
        }
            ? nil : "\(rows.map(\.cause))"
    }
}

extension Chunk {
    /// Its bytes in the file.
    fileprivate var range: Range<Int> { offset..<(offset + byteCount) }
}

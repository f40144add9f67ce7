import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

// Goal: a disk that refuses leaves records that nobody committed in a segment, and they are
// written once more in the next one, of which only the opening tells that.
// Method: a first segment with seven records of which five count, and a second one that opens with
// five; between or in its place one that has no opening, as while it is made on a full disk.
@Suite("segments that were left")
struct LeftSegmentTests {
    private let archive = TemporaryArchive()
    private let first: ArchiveFile, second: ArchiveFile
    private let writing: Writing

    private struct Writing: WritesJournal {
        let disk = SimulatedDisk()
        let time = ManualTimeSource(start)

        func write() throws {
            let journal = try writer()
            var log = AgentLog("alpha", epoch: 1)
            log.declare(.positions, revision: 1, at: start)
            for number in 1...7 as ClosedRange<Int64> {
                let block = Block(timestamps: [start], columns: [.ints([number])])
                log.publish([block], revision: 1, at: start)
            }
            try log.send(first: 1, last: 6, to: journal, received: start)
            try journal.commit()
            try log.send(to: journal, received: start)
            disk.become(.failsToSync)
            try journal.commit()
        }

        func bytes(_ file: ArchiveFile) -> [UInt8] { disk.bytes(of: directory.full(file)) }
    }

    init() throws {
        writing = Writing()
        try writing.write()
        let files = try writing.directory.files()
        try #require(files.count == 2)
        (first, second) = (files[0], files[1])
    }

    /// Puts a file into the archive; without bytes its writer is about to begin it.
    private func put(_ file: ArchiveFile, bytes: [UInt8] = []) throws {
        let path = archive.directory.full(file)
        try FileManager.default.createDirectory(
            atPath: "\(archive.directory.path)/\(file.day)",
            withIntermediateDirectories: true
        )
        try Data(bytes).write(to: URL(filePath: path))
    }

    private func putFirst() throws {
        try put(first, bytes: writing.bytes(first))
    }

    private func putSecond() throws { try put(second, bytes: writing.bytes(second)) }

    /// A segment between the two that is about to be begun.
    private func between() throws -> ArchiveFile {
        let created = try #require(first.created) + .nanoseconds(1)
        return .segment(created: created)
    }

    @Test("are not sealed before another one tells how much of them counts")
    func sealing() throws {
        let sealer = Sealer(directory: archive.directory, time: writing.time)
        try putFirst()
        try put(second)
        #expect(try sealer.sealAll(openSegment: "") == [])
        try putSecond()
        #expect(try sealer.sealAll(openSegment: second.path) == [first.sealed.path])
        #expect(try store().positions() == Array(1...7))
    }

    // A power cut brings back what was sealed and deleted.
    @Test("tell nothing where they stand beside the file that they became, and were damaged")
    func sealedBeside() throws {
        let sealer = Sealer(directory: archive.directory, time: writing.time)
        try putFirst()
        try putSecond()
        try sealer.sealAll(openSegment: second.path)
        let whole = try JournalRecovery.recover(archive.directory).cursors.entries
        #expect(whole.values.map(\.position) == [8])
        var opening = writing.bytes(second)
        opening[20] ^= 1
        try put(second, bytes: opening)
        for place in stride(from: 0, to: writing.bytes(first).count, by: 9) {
            var bytes = writing.bytes(first)
            bytes[place] ^= 1
            try put(first, bytes: bytes)
            let recovered = try JournalRecovery.recover(archive.directory).cursors.entries
            #expect(recovered == whole, "damage at byte \(place)")
        }
    }

    @Test("hold nothing twice where one without an opening stays between them")
    func sealingAround() throws {
        try putFirst()
        try put(between())
        try putSecond()
        let open = try store()
        #expect(try open.positions() == Array(1...7))
        try Sealer(directory: archive.directory, time: writing.time).sealAll(
            openSegment: second.path
        )
        try open.refresh()
        #expect(try open.positions() == Array(1...7))
        #expect(try open.gaps(in: .allOfTime) == [])
    }

    @Test("are forgotten by a reader once they are gone, and what they hid is shown once")
    func reading() throws {
        try putFirst()
        let store = try store()
        #expect(try store.positions() == Array(1...7), "nobody has told yet that five count")
        let left = try between()
        try put(left)
        try store.refresh()
        try archive.removeFile(left.path)
        try putSecond()
        try store.refresh()
        #expect(try store.positions() == Array(1...7))
        #expect(try store.withState { $0.segments.count } == 2)
    }

    // A reader that is slow finds a segment, and at its next look both the one after it sealed and
    // this one gone: nothing that it still sees says how much of it counts.
    @Test("are forgotten by a reader that never saw the segments which have their records")
    func readingLate() throws {
        try putFirst()
        let left = try between()
        try put(left, bytes: writing.bytes(second))
        let store = try store()
        #expect(try store.positions() == Array(1...7))
        try archive.removeFile(left.path)
        try putSecond()
        try Sealer(directory: archive.directory, time: writing.time).sealAll(openSegment: nil)
        try store.refresh()
        #expect(try store.positions() == Array(1...7))
    }

    private func store() throws -> ArchiveStore {
        let store = try ArchiveStore(archive.directory, holder: "test", cache: 1 << 20)
        try store.refresh()
        return store
    }
}

import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("verify names where, what, what is lost and what to do")
struct VerifyTests {
    private func lines(_ archive: SmallArchive) throws -> [String] {
        var lines: [String] = []
        let summary = try ArchiveTool.verify(archive.directory) { lines.append($0) }
        #expect(summary.problems == lines.count)
        return lines
    }

    private func row(_ first: Int64, _ count: Int64, _ cause: String) -> LedgerEntry {
        LedgerEntry(
            instance: "alpha",
            feed: nil,
            from: start,
            to: start,
            count: count,
            cause: cause,
            epoch: 1,
            first: first
        )
    }

    @Test("an archive that is whole, with an index and without")
    func whole() throws {
        let archive = try SmallArchive()
        #expect(try lines(archive) == [])
        _ = try archive.rig.store()
        #expect(try lines(archive) == [])
    }

    @Test("two rows about one record, and a row about a record that is there")
    func accounts() throws {
        let archive = try SmallArchive()
        let journal = archive.rig.journal
        let last = try #require(journal.cursor(of: "alpha", epoch: 1)).position
        journal.appendLedger(row(last - 2, 1, "a"))
        journal.appendLedger(row(3, 4, "b"))
        journal.appendLedger(row(6, 1, "c"))
        try journal.commit()
        let path = journal.segmentPath
        #expect(
            try lines(archive) == [
                "\(path): record 6 of epoch 1 of alpha is missing twice: `c`, and `b` in \(path): "
                    + "nothing more is lost, but they are counted twice; keep both files and "
                    + "report this as a fault of Cerro",
                "\(path): record \(last - 2) of epoch 1 of alpha is called missing (`a`), and "
                    + "there in \(path): nothing is lost; keep both files and report this as a "
                    + "fault of Cerro",
            ]
        )
    }

    @Test("rows of the index that no file has, and the reverse")
    func index() throws {
        let archive = try SmallArchive()
        let files = try archive.sealed()
        _ = try archive.rig.store()
        let bytes = try archive.bytes(files[1].path)
        try archive.rig.archive.removeFile(files[1].path)
        #expect(
            try lines(archive) == [
                "index.sqlite: lists \(files[1].path), which is not there: 60 rows are missing; "
                    + "put the file back from a copy of the archive"
            ]
        )
        try archive.put(bytes, at: files[1].path, asNewFile: true)
        ArchiveIndex.delete("\(archive.directory.path)/index.sqlite")
        let index = try ArchiveIndex(archive.directory)
        _ = try index.refresh(Array(files.dropFirst()), days: nil)
        try index.close()
        #expect(
            try lines(archive) == [
                "index.sqlite: does not know \(files[0].path): answers are without it; `cerro "
                    + "archive reindex` fills it anew, and so does a reader that notices"
            ]
        )
        try archive.put(bytes, at: files[2].path, asNewFile: true)
        try archive.rig.archive.removeFile(files[1].path)
        let found = try lines(archive)
        #expect(
            found.contains { $0.hasPrefix("index.sqlite: knows another file at \(files[2].path)") }
        )
        try archive.put(Data(repeating: 7, count: 9000), at: "index.sqlite", asNewFile: true)
        #expect(try lines(archive).last?.hasPrefix("index.sqlite: cannot be read: ") == true)
    }

    @Test("the id of an archive is found again, whatever happens to its file")
    func identity() throws {
        let archive = try SmallArchive()
        let directory = archive.directory
        let id = try #require(try directory.readID())
        let whole = try archive.bytes("archive.id")
        archive.rig.lock.unlock()
        for place in whole.indices {
            for bit in 0..<8 {
                var data = whole
                data[place] ^= 1 << bit
                try archive.put(data, at: "archive.id", asNewFile: true)
                #expect(try directory.readID() == id, "bit \(bit) of byte \(place)")
            }
            try archive.put(whole.prefix(place), at: "archive.id", asNewFile: true)
            #expect(try directory.readID() == id, "cut at byte \(place)")
        }
        try archive.rig.archive.removeFile("archive.id")
        #expect(try directory.lockForWriting(holder: "test").id == id)
        #expect(try archive.bytes("archive.id") == whole)
    }
}

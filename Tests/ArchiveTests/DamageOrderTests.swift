import ArchiveFormat
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("damage that was found is looked at again, until it is gone")
struct DamageOrderTests {
    // Goal: a file that was put right is not told of for hours, because chance chose others.
    @Test("as many looks as there are files see each of them once", arguments: 0..<8)
    func turns(right: Int) throws {
        let small = try SmallArchive()
        let whole = try small.bytes(try small.sealed()[0].path)
        var damaged = whole
        damaged[9] ^= 1
        var table = DamageTable()
        let paths = (0..<8).map { "2026/11/21/05000\($0)-00000000000000000000000\($0).cerro" }
        for (number, path) in paths.enumerated() {
            try small.put(number == right ? whole : damaged, at: path, asNewFile: true)
            table.note("its head is damaged", in: path)
        }
        // From wherever the turn is.
        for _ in 0..<3 { _ = table.lookAgain(small.directory) }
        table.note("its head is damaged", in: paths[right])
        let found = paths.compactMap { _ in table.lookAgain(small.directory) }
        #expect(found == [paths[right]])
        #expect(table.problems.count == 7)
    }

    // Goal: the same of files that cannot be read at all.
    // Method: all footers of each are damaged, at places that its stamp does not tell of.
    @Test("as many refreshes as there are unreadable files try each of them once", arguments: 0..<3)
    func refusedTurns(right: Int) throws {
        let small = try SmallArchive()
        let before = try small.rig.answersOnce()
        let files = try small.sealed()
        let whole = try files.map { try small.bytes($0.path) }
        for (file, bytes) in zip(files, whole) {
            var damaged = bytes
            for end in SealedLayout.trailerEnds(in: [UInt8](bytes)) { damaged[end - 45] ^= 1 }
            try small.put(damaged, at: file.path, asNewFile: false)
        }
        let store = try small.rig.store()
        #expect(store.problems.count == files.count)
        // From wherever the turn is.
        for _ in 0..<2 { try store.refresh() }
        try small.put(whole[right], at: files[right].path, asNewFile: false)
        for _ in files { try store.refresh() }
        #expect(store.problems.count == files.count - 1)
        #expect(!store.problems.contains { $0.hasPrefix(files[right].path) })
        for (file, bytes) in zip(files, whole) {
            try small.put(bytes, at: file.path, asNewFile: false)
        }
        for _ in files { try store.refresh() }
        #expect(store.problems == [])
        #expect(try Answers(store) == before)
    }
}

import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("the index may be damaged at any time: answers stay the same")
struct IndexDamageTests {
    enum Way: String, CaseIterable {
        case deleted, empty, truncated, random, another, older, flipped, withoutSum
    }

    private func path(_ archive: SmallArchive) -> String {
        "\(archive.directory.path)/index.sqlite"
    }

    /// The index as it is, and an older one of the same archive: before a file was added.
    private func older(_ archive: SmallArchive) throws -> Data {
        let last = try archive.sealed()[2]
        let bytes = try archive.bytes(last.path)
        try archive.rig.archive.removeFile(last.path)
        _ = try archive.rig.store()
        let older = try archive.bytes("index.sqlite")
        try archive.put(bytes, at: last.path, asNewFile: true)
        return older
    }

    private func damage(
        _ way: Way,
        _ archive: SmallArchive,
        _ older: Data,
        inPlace: Bool
    ) throws {
        let whole = try archive.bytes("index.sqlite")
        var random = SeededGenerator(seed: 3)
        var data = whole
        switch way {
        case .deleted:
            try archive.rig.archive.removeFile("index.sqlite")
            return
        case .withoutSum:
            try archive.rig.archive.removeFile("index.sqlite.sum")
            return
        case .empty: data = Data()
        case .truncated: data = whole.prefix(whole.count / 2)
        case .random: data = Data(whole.map { _ in UInt8.random(in: 0...255, using: &random) })
        case .another:
            let other = try SmallArchive()
            _ = try other.rig.store()
            data = try other.bytes("index.sqlite")
            let sum = try other.bytes("index.sqlite.sum")
            try archive.put(sum, at: "index.sqlite.sum", asNewFile: true)
        case .older: data = older
        case .flipped:
            let place = try #require(data.range(of: Data("alpha".utf8)))
            data[place.lowerBound] ^= 1
        }
        try archive.put(data, at: "index.sqlite", asNewFile: !inPlace)
        // Whoever writes later than the store did gives the file another time.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)],
            ofItemAtPath: path(archive)
        )
    }

    @Test("while a store is open and serving", arguments: Way.allCases, [false, true])
    func served(way: Way, inPlace: Bool) throws {
        let archive = try SmallArchive()
        let older = try older(archive)
        let store = try archive.rig.store()
        let before = try Answers(store)
        #expect(before.values == 5 * 4 * SmallArchive.rows)
        try damage(way, archive, older, inPlace: inPlace)
        #expect(try Answers(store) == before)
        #expect(try store.fields(in: .allOfTime).count == 5)
        try store.refresh()
        #expect(try Answers(store) == before)
        #expect(store.problems.isEmpty)
    }

    @Test("while no store is open", arguments: Way.allCases)
    func closed(way: Way) throws {
        let archive = try SmallArchive()
        let older = try older(archive)
        var before: Answers?
        do { before = try Answers(archive.rig.store()) }
        try damage(way, archive, older, inPlace: true)
        let store = try archive.rig.store()
        #expect(try Answers(store) == before)
        #expect(store.problems.isEmpty)
    }

    // Goal: no byte of the index may turn into a wrong answer.
    @Test("any one bit of it, on opening, has it filled anew")
    func bits() throws {
        let archive = try SmallArchive()
        _ = try archive.rig.store()
        let whole = try archive.bytes("index.sqlite")
        var random = SeededGenerator(seed: 11)
        for _ in 0..<40 {
            var data = whole
            data[Int.random(in: 0..<data.count, using: &random)] ^=
                1
                << UInt8.random(
                    in: 0...7,
                    using: &random
                )
            try archive.put(data, at: "index.sqlite", asNewFile: true)
            let sum = try archive.bytes("index.sqlite.sum")
            let index = try ArchiveIndex(archive.directory)
            #expect(try index.spans(in: .allOfTime).isEmpty, "it was believed")
            try index.close()
            try archive.put(whole, at: "index.sqlite", asNewFile: true)
            try archive.put(sum, at: "index.sqlite.sum", asNewFile: true)
        }
        let index = try ArchiveIndex(archive.directory)
        #expect(try !index.spans(in: .allOfTime).isEmpty)
    }
}

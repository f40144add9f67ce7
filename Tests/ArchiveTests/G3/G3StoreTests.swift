import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("a tree of .g3 files is read where it stands")
struct G3StoreTests {
    // Goal: what an observatory has kept until now is there, as it is, in all schema versions.
    // Method: so3g itself writes files of versions 0, 1 and 2 with every type, and says what it
    // put into them.
    @Test("what so3g wrote is read bit for bit")
    func written() throws {
        let tree = try G3TestTree()
        let expected = SampleLines(try tree.write())
        let store = try tree.open()
        #expect(try store.refresh() == 0)
        #expect(try store.problems == [])
        let range = Timestamp(seconds: 1)..<Timestamp(seconds: 2_000_000_000)
        let fields = try store.fields(in: range)
        #expect(Set(fields.map(\.name.description)) == Set(expected.fields.keys))
        for field in fields {
            let slice = try store.timeline(
                instance: field.name.instance,
                feed: field.name.feed,
                fields: [field.name.field],
                range: range
            )
            let found = SampleLines.samples(slice.timestamps, slice.columns[0])
            var there = try #require(expected.fields[field.name.description])
            // A field that was an integer in one frame and a double in the next is a double.
            if field.name.field == "mixed" { there.bits = there.bits.map(SampleLines.asDouble) }
            #expect(found == there, "\(field.name)")
        }
        let types = Dictionary(fields.map { ($0.name.field, $0.field.type) }) { $1 }
        #expect(types["ok"] == .bool && types["state"] == .string && types["largest"] == .int)
    }

    @Test("only the rows of the range come, at most as many as asked for, the rest counted")
    func ranges() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let store = try tree.open()
        try store.refresh()
        let start = Timestamp(seconds: 1_700_000_000)
        func slice(_ range: Range<Timestamp>, limit: Int = .max) throws -> TimelineSlice {
            try store.timeline(
                instance: "cryo-1",
                feed: "temperatures",
                fields: ["T", "nothing"],
                range: range,
                limit: limit
            )
        }
        let second = try slice(start + .seconds(1)..<start + .seconds(11))
        #expect(
            second.timestamps.map(\.nanoseconds)
                == [1, 2, 3, 10].map {
                    start.nanoseconds + $0 * 1_000_000_000 + ($0 < 10 ? $0 * 70 : 0)
                }
        )
        #expect(second.fields[0]?.type == .double && second.fields[1] == nil)
        let few = try slice(start..<start + .seconds(60), limit: 5)
        #expect(few.timestamps.count == 5 && few.leftOut == 7)
        #expect(try slice(start + .seconds(100)..<start + .seconds(200)).timestamps.isEmpty)
        let counts = try store.rowCounts(
            between: [start, start + .seconds(2), start + .seconds(12), start + .seconds(60)]
        ) { $0 == "gauge.pressure" }
        #expect(counts.map(\.rows) == [[2, 4, 6]])
        let newest = try store.newest(instance: "gauge", feed: "pressure")
        #expect(newest == start + .seconds(23) + .nanoseconds(210))
    }

    @Test("nothing is written into the tree, and what is unchanged is not read again")
    func unchanged() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let before = try tree.everything()
        var scanned: [Int] = []
        let first = try tree.open()
        try first.refresh { _, all in scanned.append(all) }
        try first.refresh { _, all in scanned.append(all) }
        #expect(scanned == [3])
        #expect(try tree.everything() == before)
    }

    // Goal: a disk turns the index into nonsense while a reader has it open.
    @Test("an index that is damaged while it is used costs an answer, and is filled again")
    func damagedMeanwhile() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let store = try tree.open()
        try store.refresh()
        for index in try tree.indexFiles() {
            let file = try FileHandle(forUpdating: URL(filePath: index))
            let size = try file.seekToEnd()
            try file.seek(toOffset: 0)
            try file.write(contentsOf: Data(repeating: 0x55, count: Int(size)))
            try file.close()
        }
        #expect(throws: ArchiveError.self) {
            try store.newest(instance: "gauge", feed: "pressure")
        }
        var scanned = 0
        try store.refresh { _, all in scanned = all }
        #expect(scanned == 3)
        #expect(try store.newest(instance: "gauge", feed: "pressure") != nil)
    }

    @Test("an index that was left is used, and one that is deleted or damaged is filled again")
    func reopened() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        try tree.open().refresh()
        var scanned = 0
        try tree.open().refresh { _, _ in scanned += 1 }
        #expect(scanned == 0)
        for index in try tree.indexFiles() {
            try Data("no index of anything".utf8).write(to: URL(filePath: index))
        }
        let store = try tree.open()
        try store.refresh { _, _ in scanned += 1 }
        #expect(scanned == 1)
        #expect(try store.newest(instance: "gauge", feed: "pressure") != nil)
    }

    // Goal: the aggregator of OCS writes its newest file for an hour, frame by frame.
    @Test("a file that grows is read on from where it was good", arguments: [0, 5, 64])
    func growing(cut: Int) throws {
        let tree = try G3TestTree()
        let expected = SampleLines(try tree.write())
        let path = "17000/1700000000.g3"
        let whole = try tree.bytes(path)
        try tree.put(Array(whole[..<(whole.count / 2 - cut)]), path)
        let store = try tree.open()
        try store.refresh()
        // Cut off in the middle of a frame, and just now: it is being written.
        #expect(try store.problems == [])
        let range = Timestamp(seconds: 1)..<Timestamp(seconds: 2_000_000_000)
        func count() throws -> Int {
            try store.timeline(
                instance: "cryo-1",
                feed: "temperatures",
                fields: ["T"],
                range: range
            ).timestamps.count
        }
        let half = try count()
        #expect((1..<12).contains(half))
        try tree.put(whole, path)
        try store.refresh()
        #expect(try count() == expected.fields["cryo-1.temperatures.T"]?.ticks.count)
    }

    @Test("a file that is deleted is gone, and one that is another is read anew")
    func replaced() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let store = try tree.open()
        try store.refresh()
        let range = Timestamp(seconds: 1)..<Timestamp(seconds: 2_000_000_000)
        try tree.put(try tree.bytes("17000/1700003600.g3"), "17000/1700000000.g3")
        try store.refresh()
        let instances = try store.fields(in: range).map(\.name.instance)
        #expect(Set(instances) == ["old-1", "oldest"])
        let doubled = try store.timeline(
            instance: "old-1",
            feed: "temperatures",
            fields: ["T"],
            range: range
        )
        #expect(doubled.timestamps.count == 10)
        try tree.remove("17000/1700000000.g3")
        try tree.remove("17000/1700007200.g3")
        try store.refresh()
        #expect(Set(try store.fields(in: range).map(\.name.instance)) == ["old-1"])
    }
}

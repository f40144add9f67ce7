import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite(".g3 files become files of the archive")
struct G3ImporterTests {
    private static let path = "17000/1700000000.g3"

    private static func importing(
        _ tree: G3TestTree,
        _ paths: [String]? = nil
    ) throws -> [ImportedFile] {
        let importer = try G3Importer(directory: tree.directory, holder: "a test")
        let files = try (paths ?? [tree.root]).flatMap { try G3Importer.files(at: $0) }
        return try files.map { try importer.add($0) }
    }

    private static func rows(_ tree: G3TestTree) throws -> Int {
        let store = try ArchiveStore(tree.directory, holder: "a test", cache: 1 << 20)
        #expect(store.problems == [])
        return try store.timeline(
            instance: "cryo-1",
            feed: "temperatures",
            fields: ["T"],
            range: .allOfTime
        ).columns[0].count { true }
    }

    @Test("what was imported is the same as what is read in place")
    func same() throws {
        let tree = try G3TestTree()
        let expected = SampleLines(try tree.write())
        let reports = try Self.importing(tree)
        #expect(reports.map(\.problems) == [[], [], []] && reports.map(\.made.count) == [1, 1, 1])
        let store = try ArchiveStore(tree.directory, holder: "a test", cache: 1 << 20)
        let fields = try store.fields(in: .allOfTime)
        #expect(Set(fields.map(\.name.description)) == Set(expected.fields.keys))
        for field in fields {
            let slice = try store.timeline(
                instance: field.name.instance,
                feed: field.name.feed,
                fields: [field.name.field],
                range: .allOfTime
            )
            var there = try #require(expected.fields[field.name.description])
            if field.name.field == "mixed" { there.bits = there.bits.map(SampleLines.asDouble) }
            #expect(
                SampleLines.samples(slice.timestamps, slice.columns[0]) == there,
                "\(field.name)"
            )
        }
        var problems: [String] = []
        _ = try ArchiveTool.verify(tree.directory) { problems.append($0) }
        #expect(problems == [])
    }

    @Test("twice the same file changes nothing, under another name neither")
    func twice() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        _ = try Self.importing(tree)
        let before = try tree.directory.files()
        try tree.put(try tree.bytes(Self.path), "17000/copy.g3")
        let reports = try Self.importing(tree)
        #expect(reports.count == 4 && reports.allSatisfy { $0.rows == 0 && $0.made.isEmpty })
        #expect(try tree.directory.files() == before)
    }

    @Test("of a file that has grown what is new is imported", arguments: [1, 7, 40, 63])
    func grown(part: Int) throws {
        let tree = try G3TestTree()
        let expected = SampleLines(try tree.write())
        let whole = try tree.bytes(Self.path)
        try tree.put(Array(whole[..<(whole.count * part / 64)]), Self.path)
        _ = try Self.importing(tree)
        try tree.put(whole, Self.path)
        let report = try Self.importing(tree, [tree.root + "/" + Self.path])
        #expect(report.map(\.problems) == [[]])
        #expect(try Self.rows(tree) == expected.fields["cryo-1.temperatures.T"]?.ticks.count)
    }

    @Test("of a damaged file the good frames come, and from a whole copy the rest")
    func damaged() throws {
        let tree = try G3TestTree()
        let expected = SampleLines(try tree.write())
        let whole = try tree.bytes(Self.path)
        var file = G3Bytes(whole)
        file.bytes[file.frames[4].upperBound - 60] ^= 4
        try tree.put(file.bytes, Self.path)
        let report = try Self.importing(tree)[0]
        #expect(report.problems.count == 1)
        #expect(
            report.problems[0].contains("byte \(file.frames[4].lowerBound): the frame's checksum")
        )
        let count = try #require(expected.fields["cryo-1.temperatures.T"]?.ticks.count)
        #expect(try Self.rows(tree) == count - 4)
        let gaps = try ArchiveStore(tree.directory, holder: "a test", cache: 1 << 20)
            .gaps(in: .allOfTime)
        #expect(gaps.contains { $0.instance == "cryo-1" && $0.cause.hasPrefix("damage: ") })
        try tree.put(whole, Self.path)
        #expect(try Self.importing(tree).map(\.problems) == [[], [], []])
        #expect(try Self.rows(tree) == count)
    }

    @Test("small pieces of memory make several files and the same rows")
    func pieces() throws {
        let tree = try G3TestTree()
        let expected = SampleLines(try tree.write())
        let importer = try G3Importer(
            tree.directory,
            holder: "a test",
            time: SystemTimeSource(),
            byteLimit: 100
        )
        let report = try importer.add(tree.root + "/" + Self.path)
        #expect(report.made.count == 6)
        #expect(try Self.rows(tree) == expected.fields["cryo-1.temperatures.T"]?.ticks.count)
    }

    // Goal: it has no segment, so that "all segments that it was made from are there" is true of it
    // and means nothing; and no cursors, so that only it itself tells whose rows are lost.
    @Test("an imported file that is cut is read up to the cut, and tells whose rows are lost")
    func cut() throws {
        let tree = try G3TestTree()
        var random = SeededGenerator(seed: 5)
        let rows = 400, instances = (1...12).map { "cryo-\($0 + 10)" }
        _ = try G3TreeWriter(root: tree.root).write(start.nanoseconds / 1_000_000_000) { add in
            for instance in instances {
                try add(
                    G3Rows(
                        instance: instance,
                        feed: "temperatures",
                        timestamps: (0..<rows).map { start + .seconds($0) },
                        fields: [
                            (
                                "T",
                                .doubles((0..<rows).map { _ in .random(in: 0..<1, using: &random) })
                            )
                        ]
                    )
                )
            }
        }
        let path = try #require(try Self.importing(tree).first?.made.first)
        let place = "\(tree.directory.path)/\(path)"
        let parts = try SealedFile.open(place).footer.parts
        #expect(parts.count > 2)
        try Data(contentsOf: URL(filePath: place)).prefix(parts[1] + 9)
            .write(to: URL(filePath: place))
        let store = try ArchiveStore(tree.directory, holder: "a test", cache: 1 << 20)
        #expect(store.problems.count == 1 && store.problems[0].contains("the rest is read"))
        let left = try instances.filter { instance in
            try store.timeline(
                instance: instance,
                feed: "temperatures",
                fields: ["T"],
                range: .allOfTime
            ).timestamps.count == rows
        }
        #expect(!left.isEmpty && left.count < instances.count)
        let gaps = try store.gaps(in: .allOfTime)
        #expect(gaps.map(\.instance) == instances && gaps.allSatisfy { $0.count == nil })
        #expect(
            gaps.allSatisfy { $0.cause.hasPrefix("damage: \(path): from byte \(parts[1]) to ") }
        )
    }

    @Test("while an aggregator writes, nothing is imported")
    func locked() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let (_, lock) = try tree.directory.lockForWriting(holder: "the aggregator")
        defer { lock.unlock() }
        #expect(throws: ArchiveError.self) { _ = try Self.importing(tree) }
    }

    // Goal: imported files stand among those of the journal, which tell each other how far the
    // archive has come; the imported ones know nothing of that, and must not be asked.
    @Test("the journal goes on as if nothing was imported between its files")
    func amongJournals() throws {
        let small = try SmallArchive()
        let cursors = small.rig.journal.cursors
        let tree = try G3TestTree()
        let writer = G3TreeWriter(root: tree.root)
        for minute in [-1, 0, 1, 2, 3, 60] {
            let first = start + .seconds(60 * minute + 5)
            _ = try writer.write(first.nanoseconds / 1_000_000_000) { add in
                try add(
                    G3Rows(
                        instance: "beta",
                        feed: "positions",
                        timestamps: [first],
                        fields: [("position", .ints([Int64(minute)]))]
                    )
                )
            }
        }
        small.rig.lock.unlock()
        do {
            let importer = try G3Importer(directory: small.directory, holder: "a test")
            for file in try G3Importer.files(at: tree.root) { _ = try importer.add(file) }
        }
        let before = try ArchiveStore(small.directory, holder: "a test", cache: 1 << 20)
        let values = try before.positions("alpha")
        #expect(values.count == SmallArchive.rows * SmallArchive.segments)
        #expect(try before.positions("beta").count == 6)

        let (id, _) = try small.directory.lockForWriting(holder: "test writer")
        let journal = try JournalWriter(
            directory: small.directory,
            archive: id,
            settings: JournalSettings(rotate: .seconds(60)),
            time: small.rig.time
        )
        #expect(Set(journal.cursors) == Set(cursors))
        try small.rig.sealer.sealAll(openSegment: journal.segmentPath)
        try before.refreshAll()
        #expect(try before.positions("alpha") == values)
        #expect(try before.gaps(in: .allOfTime).isEmpty)
    }
}

extension Column {
    /// How many values there are.
    fileprivate func count(_ body: () -> Bool) -> Int { presence?.count { $0 } ?? count }
}

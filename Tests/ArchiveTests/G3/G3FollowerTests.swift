import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("a tree of .g3 files follows an archive, each row exactly once")
struct G3FollowerTests {
    private static func follower(_ small: SmallArchive, _ tree: G3TestTree) throws -> G3Follower {
        try G3Follower(directory: small.directory, root: tree.root, holder: "a test") {
            $0.feed == "positions"
        }
    }

    /// The rows of the tree, in the order of time.
    private static func positions(_ tree: G3TestTree) throws -> [Int64] {
        let store = try tree.open()
        try store.refresh()
        #expect(try store.problems == [])
        let slice = try store.timeline(
            instance: "alpha",
            feed: "positions",
            fields: ["position"],
            range: .allOfTime
        )
        guard case .ints(let values)? = slice.columns.first?.values else { return [] }
        return values
    }

    private static func sealedPositions(_ small: SmallArchive) throws -> [Int64] {
        try small.sealed().flatMap { file in
            let sealed = try small.open(file)
            return try sealed.footer.timelines.filter { $0.feed.name == "positions" }
                .flatMap { timeline in
                    try sealed.columns(timeline, fields: [0], range: .allOfTime)
                        .columns[0].integers
                }
        }
    }

    @Test("what is sealed is written once, however often it is begun again")
    func restarts() throws {
        let small = try SmallArchive()
        let tree = try G3TestTree()
        var left = 1
        // One sealed file in each life.
        for _ in 0..<4 {
            left = 1
            _ = try Self.follower(small, tree).step(mayGoOn: {
                defer { left -= 1 }
                return left > 0
            })
        }
        let expected = try Self.sealedPositions(small)
        #expect(expected.count == 3 * SmallArchive.rows)
        #expect(try Self.positions(tree) == expected)
        #expect(try Self.follower(small, tree).step() == 0)
        #expect(try Self.positions(tree) == expected)
        let text = try Python.run("Tests/Corpus/g3/so3g_read.py", [tree.root])
        #expect(text.hasPrefix("scanner errors 0 warnings 0\nload_range 1 fields 90 samples\n"))
    }

    // Goal: it dies between the moment at which a .g3 file gets its name and that at which this is
    // written down.
    // Method: the second file cannot be written, since a folder stands in its way, so that what is
    // on the disk is as it is then; the file is put there by hand.
    @Test("a file that was written and not noted is written anew")
    func death() throws {
        let small = try SmallArchive()
        let tree = try G3TestTree()
        let second =
            try small.open(small.sealed()[1]).footer.receivedFrom.nanoseconds / 1_000_000_000
        let name = G3TreeWriter.path(second)
        let obstacle = "\(tree.root)/\(name.replacing("/", with: "/."))" + ".new/x"
        try FileManager.default.createDirectory(
            atPath: obstacle,
            withIntermediateDirectories: true
        )
        #expect(throws: ArchiveError.self) { _ = try Self.follower(small, tree).step() }
        #expect(try Self.positions(tree).count == SmallArchive.rows)
        try FileManager.default.removeItem(atPath: obstacle.replacing("/x", with: ""))
        _ = try G3TreeWriter(root: tree.root).write(second) { add in
            try add(
                G3Rows(
                    instance: "alpha",
                    feed: "positions",
                    timestamps: [Timestamp(seconds: second)],
                    fields: [("position", .ints([-1]))]
                )
            )
        }
        _ = try Self.follower(small, tree).step()
        #expect(try Self.positions(tree) == Self.sealedPositions(small))
    }

    // Goal: it was away while compaction made one file of several, some of which it had written.
    @Test(
        "a file that took the place of others, of which some are there, is written as a whole",
        arguments: 0...3
    )
    func compacted(before count: Int) throws {
        let small = try SmallArchive()
        let tree = try G3TestTree()
        let expected = try Self.sealedPositions(small)
        var left = count
        _ = try Self.follower(small, tree).step(mayGoOn: {
            defer { left -= 1 }
            return left > 0
        })
        let files = try small.sealed()
        let sealed = try files.map(small.open)
        var footer = sealed[0].footer
        footer.timelines = []
        footer.id = String(repeating: "ab", count: 16)
        footer.sources = sealed.flatMap { $0.footer.sources + [$0.footer.id] }
        footer.receivedTo = sealed[2].footer.receivedTo
        try small.directory.writeSealed(
            ArchiveFile.segment(created: footer.receivedFrom),
            footer
        ) { builder in
            for file in sealed {
                for timeline in file.footer.timelines {
                    let fields = Array(timeline.feed.fields.indices)
                    let rows = try file.columns(timeline, fields: fields, range: .allOfTime)
                    let times = rows.timestamps.map(\.nanoseconds)
                    try builder.add(
                        timeline.instance,
                        feed: timeline.feed,
                        epochs: timeline.epochs,
                        times: times,
                        received: times,
                        columns: rows.columns
                    )
                }
            }
            return true
        }
        for file in files { try small.rig.archive.removeFile(file.path) }
        for _ in 0..<2 {
            _ = try Self.follower(small, tree).step()
            #expect(try Self.positions(tree) == expected)
        }
    }

    @Test("the tree of another archive, and one that is followed already, are refused")
    func refused() throws {
        let small = try SmallArchive()
        let tree = try G3TestTree()
        do {
            let follower = try Self.follower(small, tree)
            #expect(throws: ArchiveError.self) { _ = try Self.follower(small, tree) }
            try follower.step()
        }
        let other = try SmallArchive()
        #expect(throws: ArchiveError.self) { _ = try Self.follower(other, tree).step() }
    }
}

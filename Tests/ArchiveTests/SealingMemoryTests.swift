import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("a sealer's memory is bounded, whatever a segment holds")
struct SealingMemoryTests {
    static let smallFeeds = 100, rounds = 400, rowsOfBlock = 20

    // Goal: 256 MiB are enough, for one feed larger than them and for thousands of small ones.
    // Method: a segment of both kinds, and budgets from a hundredth of it to far more; the bytes
    // are counted, so that it is the same on every machine.
    @Test(
        "each pass holds its budget, and every row is sealed once",
        arguments: [
            16 << 10, 64 << 10, 1 << 20, 128 << 20,
        ]
    )
    func budget(bytes: Int) throws {
        let rig = try Rig()
        let expected = try write(to: rig)
        let directory = rig.archive.directory
        let journal = try #require(try directory.files().first)
        let passes = try passes(over: directory.full(journal), budget: bytes)
        #expect(passes.allSatisfy { $0.mostBytes <= bytes && $0.mostBytes > 0 })
        #expect((passes.count == 1) == (bytes >= 1 << 20))

        let sealer = Sealer(directory: directory, time: rig.time, budget: bytes)
        let paths = try sealer.sealAll(openSegment: rig.journal.segmentPath)
        let file = try SealedFile.open(directory.full(try #require(paths.first)))
        var found: [String: [Int64]] = [:]
        for timeline in file.footer.timelines {
            let rows = try file.columns(timeline, fields: [0], range: .allOfTime)
            #expect(rows.timestamps == rows.timestamps.sorted())
            found[timeline.feed.name, default: []] += rows.columns[0].integers
        }
        #expect(found.mapValues { $0.sorted() } == expected)
        // Of two pieces of one timeline the later one arrived later.
        let giant = file.footer.timelines.filter { $0.feed.name == "positions" }
        let firsts = try giant.map { timeline in
            try file.columns(timeline, fields: [0], range: .allOfTime).columns[0].integers.min()
        }
        #expect(firsts.compactMap(\.self) == firsts.compactMap(\.self).sorted())
    }

    /// Writes one long feed, whose times run backwards within each block, and many short ones.
    private func write(to rig: Rig) throws -> [String: [Int64]] {
        var expected: [String: [Int64]] = [:]
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for number in 0..<Self.smallFeeds {
            let feed = Feed(
                "small-\(number)",
                fields: [Field("position", .int), Field("note", .string)]
            )
            log.declare(feed, revision: Int64(number + 2), at: start)
        }
        for round in 0..<Self.rounds {
            let now = start + .seconds(round)
            let numbers = (0..<Self.rowsOfBlock).map { Int64(round * Self.rowsOfBlock + $0) }
            let times = numbers.indices.map { now - .milliseconds($0) }
            let long = Block(timestamps: times, columns: [.ints(numbers)])
            log.publish([long], revision: 1, at: now)
            expected["positions", default: []] += numbers
            let small = round % Self.smallFeeds
            let note = "a text that does not fit into a string itself: \(round)"
            let short = Block(
                timestamps: [now],
                columns: [.ints([Int64(round)]), .strings([note])]
            )
            log.publish([short], revision: Int64(small + 2), at: now)
            expected["small-\(small)", default: []].append(Int64(round))
        }
        try log.send(to: rig.journal, received: start)
        try rig.journal.commit()
        rig.time.now = start + .seconds(3600)
        try rig.journal.rotateIfDue(at: rig.time.now)
        return expected
    }

    private func passes(over path: String, budget: Int) throws -> [SealingPass] {
        var passes: [SealingPass] = []
        var next: SealingPass.Part? = SealingPass.Part(timeline: 0, number: 0)
        while let from = next {
            var pass = SealingPass(from: from, budget: budget)
            try JournalFollower(try SystemDisk().open(path, .read)).read(isClosed: true) {
                pass.take($0)
            } others: { _ in
            }
            passes.append(pass)
            next = pass.end
        }
        return passes
    }
}

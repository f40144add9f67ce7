import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("messages of one row")
struct SingleRowTests {
    static let feed = Feed(
        "one",
        fields: [
            Field("kelvins", .double), Field("count", .int), Field("ok", .bool),
            Field("state", .string), Field("note", .string),
        ]
    )

    // Goal: a row that looks like the one before it is not looked at in full; nothing of another
    // row may be taken for its own.
    // Method: texts that stay, that change with and without their length, values that are missing
    // now and then, messages of several rows and blocks between, and parts that begin anywhere.
    @Test("come back as they were, whatever stands between them", arguments: [8 << 10, 1 << 20])
    func comeBack(budget: Int) throws {
        var random = SeededGenerator(seed: 7)
        let rig = try Rig()
        var log = AgentLog("alpha", epoch: 1)
        log.declare(Self.feed, revision: 1, at: start)
        var expected: [Block] = []
        var now = start
        for _ in 0..<600 {
            let rows = Int.random(in: 0..<10, using: &random) == 0 ? 3 : 1
            let blocks = (0..<(Int.random(in: 0..<20, using: &random) == 0 ? 2 : 1)).map { _ in
                let block = Self.block(rows, from: now, &random)
                now = now + .seconds(rows)
                return block
            }
            expected += blocks
            log.publish(blocks, revision: 1, at: now)
        }
        try log.send(to: rig.journal, received: start)
        try rig.journal.commit()
        rig.time.now = start + .seconds(3600)
        try rig.journal.rotateIfDue(at: rig.time.now)

        let directory = rig.archive.directory
        let sealer = Sealer(directory: directory, time: rig.time, budget: budget)
        let paths = try sealer.sealAll(openSegment: rig.journal.segmentPath)
        let file = try SealedFile.open(directory.full(try #require(paths.first)))
        #expect((file.footer.timelines.count > 1) == (budget < 1 << 20))
        var found: [[Value]] = []
        for timeline in file.footer.timelines {
            let rows = try file.columns(timeline, fields: Array(0..<5), range: .allOfTime)
            for row in rows.timestamps.indices {
                let time = Value.int(rows.timestamps[row].nanoseconds)
                found.append([time] + rows.columns.map { $0.value(at: row) })
            }
        }
        let rows = expected.flatMap { block in
            block.timestamps.indices.map { row in
                [.int(block.timestamps[row].nanoseconds)] + block.columns.map { $0.value(at: row) }
            }
        }
        #expect(found == rows)
    }

    private static func block(
        _ rows: Int,
        from start: Timestamp,
        _ random: inout SeededGenerator
    ) -> Block {
        func maybe<Element>(_ values: [Element]) -> [Element?] {
            let isMissing = Int.random(in: 0..<40, using: &random) == 0
            return values.map { isMissing ? nil : $0 }
        }
        let state = ["open", "shut", "moving"][max(0, Int.random(in: -20..<3, using: &random))]
        let note = String(repeating: "n", count: max(0, Int.random(in: -9..<3, using: &random)))
        return Block(
            timestamps: (0..<rows).map { start + .seconds($0) },
            columns: [
                .doubles(maybe((0..<rows).map { _ in Double.random(in: 0..<9, using: &random) })),
                .ints((0..<rows).map { _ in Int64.random(in: .min ... .max, using: &random) }),
                .bools(maybe((0..<rows).map { _ in Bool.random(using: &random) })),
                .strings(maybe(Array(repeating: state, count: rows))),
                .strings(Array(repeating: note, count: rows)),
            ]
        )
    }
}

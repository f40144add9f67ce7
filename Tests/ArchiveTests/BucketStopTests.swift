import ArchiveFormat
import CerroTesting
import Telemetry
import Testing

@testable import Archive

@Suite("Plots of much are small work, and end when nobody wants them")
struct BucketStopTests {
    private static let hours = 24

    /// A day of sealed hours, a row each 10 s or another period; each file begins with the end of
    /// the hour before.
    private static func day(spike: Int, period: Int = 10) throws -> Rig {
        let rig = try Rig()
        var log = AgentLog("alpha", epoch: 1)
        log.declare(Feed("f", fields: [Field("x")]), revision: 1, at: start)
        for hour in 0..<hours {
            let count = 3600 / period
            let rows = (hour * count - 3)..<(hour * count + count - 3)
            let block = Block(
                timestamps: rows.map { start + .seconds($0 * period) },
                columns: [.doubles(rows.map { $0 == spike ? 300 : 4.2 })]
            )
            log.publish([block], revision: 1, at: rig.time.now)
            try log.send(to: rig.journal, received: rig.time.now)
            try rig.journal.commit()
            rig.time.now = rig.time.now + .seconds(3600)
            try rig.journal.rotateIfDue(at: rig.time.now)
        }
        try rig.seal()
        return rig
    }

    private static func plot(
        _ store: ArchiveStore,
        _ points: Int,
        limit: Int = .max,
        isStopped: () -> Bool = { false }
    ) throws -> TimelineBuckets? {
        try store.buckets(
            instance: "alpha",
            feed: "f",
            fields: ["x"],
            grid: BucketGrid(
                (start - .seconds(100))..<(start + .seconds(hours * 3600)),
                count: points
            ),
            limit: limit,
            isStopped: isStopped
        )
    }

    @Test("the index alone plots what lies across edges, and a spike of one sample survives")
    func index() throws {
        let rig = try Self.day(spike: 5000)
        let store = try rig.store()
        let found = try #require(try Self.plot(store, 13))
        #expect(found.tier == .index && found.ranges.count == 9)
        #expect(store.cache.openPaths.isEmpty, "no file was opened")
        let columns = try #require(found.columns[0])
        guard case .doubles(let largest) = columns.max.values else { return }
        #expect(largest.filter { $0 == 300 }.count == 1)
        #expect(columns.count.reduce(0, +) == Int64(Self.hours * 360))
    }

    // Goal: a window of PromQL over a year costs what a plot of it costs.
    // Method: the columns that were decoded are less than the times of these files alone would be.
    @Test("between given edges roll-ups answer, exactly, and no samples are read")
    func givenEdges() throws {
        let rig = try Self.day(spike: 9000, period: 5)
        let store = try rig.store()
        let edges = (0..<5).map { start + .seconds($0 * 6 * 3600) }
        let found = try #require(
            try store.buckets(
                instance: "alpha",
                feed: "f",
                fields: ["x"],
                grid: BucketGrid(edges: edges)
            )
        )
        #expect(found.ranges == zip(edges, edges.dropFirst()).map { $0..<$1 })
        let columns = try #require(found.columns[0])
        #expect(columns.count == [4320, 4320, 4320, 4317])
        #expect(columns.max == .doubles([4.2, 4.2, 300, 4.2]))
        #expect(abs(columns.sum[2] - (4319 * 4.2 + 300)) < 1e-6)
        let footers = try store.cache.openPaths.map { try SealedFile.open($0).footerByteCount }
        #expect(footers.count == 4, "only the files that lie across an edge")
        #expect(store.cache.byteCount - footers.reduce(0, +) < footers.count * 720 * 8)
    }

    @Test("work that nobody wants ends before the next piece is read")
    func stops() throws {
        let rig = try Self.day(spike: 0)
        let store = try rig.store()
        var asked = 0
        #expect(throws: ArchiveError.stopped) {
            try Self.plot(store, 1000) {
                asked += 1
                return asked > 5
            }
        }
        #expect(asked == 6)
        #expect(store.cache.openPaths.count < 6)
    }

    @Test("more buckets than may be are no answer")
    func limit() throws {
        let rig = try Self.day(spike: 0)
        let store = try rig.store()
        #expect(try Self.plot(store, 1000, limit: 100) == nil)
        #expect(try Self.plot(store, 13, limit: 100) != nil)
    }
}

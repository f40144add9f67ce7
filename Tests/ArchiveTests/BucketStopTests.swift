import ArchiveFormat
import CerroTesting
import Telemetry
import Testing

@testable import Archive

@Suite("Plots of much are small work, and end when nobody wants them")
struct BucketStopTests {
    private static let hours = 24

    /// A day of sealed hours, a row each 10 s; each file begins with the end of the hour before.
    private static func day(spike: Int) throws -> Rig {
        let rig = try Rig()
        var log = AgentLog("alpha", epoch: 1)
        log.declare(Feed("f", fields: [Field("x")]), revision: 1, at: start)
        for hour in 0..<hours {
            let rows = (hour * 360 - 3)..<(hour * 360 + 357)
            let block = Block(
                timestamps: rows.map { start + .seconds($0 * 10) },
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
            range: (start - .seconds(100))..<(start + .seconds(hours * 3600)),
            count: points,
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

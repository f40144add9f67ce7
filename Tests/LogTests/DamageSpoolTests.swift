internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

// Goal: whatever happens to a byte of a spool, the log opens, gives only records that were
// appended, and has a row for each that it cannot give.
// Method: a small closed spool in memory; one damage at every byte of each of its files.
@Suite("damage at every byte of a spool costs what it hit, and is told")
struct DamageSpoolTests {
    /// One thing that happens to the bytes of a file from `offset` on.
    enum Damage: CaseIterable {
        case flip, cut, zero

        func apply(_ bytes: inout [UInt8], _ offset: Int) {
            switch self {
            case .flip: bytes[offset] ^= 1 << UInt8(offset % 8)
            case .cut: bytes.removeSubrange(offset...)
            case .zero:
                for place in offset..<min(offset + 64, bytes.count) { bytes[place] = 0 }
            }
        }
    }

    /// A closed epoch of `count` values in small segments, which an archive waits for.
    private struct Spool {
        let bench = Bench()
        let epoch: Int64
        let contents: SimulatedDiskSnapshot

        init(count: Int) async throws {
            let log = try bench.open(settings: AgentLog.Settings(segmentSize: 300))
            _ = try await log.declare(Bench.feed)
            try Puller().firstFetch(log)
            for number in 0..<count { try await log.append(Bench.feed, [Bench.block(number)]) }
            try await log.sync()
            epoch = log.epoch
            await log.close()
            contents = bench.disk.snapshot()
        }

        /// What an archive gets after `damage` to the file at `path`; of the whole one without.
        func pulled(
            _ path: String = "",
            _ damage: Damage = .flip,
            _ offset: Int = 0
        ) async throws -> Puller {
            bench.disk.restore(contents)
            bench.disk.damage(path) { damage.apply(&$0, offset) }
            let log = try AgentLog(
                folder: "spool",
                instance: "cryo-1",
                settings: AgentLog.Settings(segmentSize: 300),
                disk: bench.disk,
                time: bench.clock,
                bootID: "boot-1",
                isDriven: true,
                onEvent: { _ in }
            )
            var puller = Puller()
            puller.epoch = epoch
            try puller.pull(log)
            await log.abandon()
            return puller
        }
    }

    /// The positions of the epoch that rows name, each as often as it is named.
    private func named(_ puller: Puller, _ spool: Spool, last: Int64) -> [Int64] {
        puller.losses.filter { $0.epoch == spool.epoch }.flatMap { row -> [Int64] in
            guard let first = row.first else { return [] }
            return Array(row.positions ?? first..<max(first, last + 1))
        }
    }

    @Test("a segment", arguments: Damage.allCases)
    func segments(damage: Damage) async throws {
        let spool = try await Spool(count: 12)
        let paths = spool.bench.segments
        try #require(paths.count > 2)
        let whole = try await spool.pulled()
        let all = try #require(whole.positions[spool.epoch])
        let last = try #require(all.max())
        #expect(whole.values == (0..<12).map(Int64.init) && whole.losses.isEmpty)
        #expect(all == Set(1...last))
        for path in paths {
            for offset in spool.bench.disk.bytes(of: path).indices {
                let puller = try await spool.pulled(path, damage, offset)
                let place = "\(damage) at byte \(offset) of \(path)"
                let held = puller.positions[spool.epoch] ?? []
                let missing = named(puller, spool, last: last)
                #expect(held.union(missing) == all, "\(place)")
                #expect(held.count + missing.count == all.count, "\(place)")
                let rows = puller.rows.filter { $0.epoch == spool.epoch }
                #expect(Set(rows).isSubset(of: whole.rows), "\(place)")
                let told = puller.losses.filter { $0.epoch == spool.epoch }
                #expect(told.allSatisfy { $0.cause == "damage in the spool" }, "\(place)")
            }
        }
    }

    // What was between the epoch and the next one nobody knows then: a row says so.
    @Test("the tables", arguments: ["epoch", "commits", "starts", "memory"])
    func tables(name: String) async throws {
        let spool = try await Spool(count: 12)
        let path = "spool/\(name)"
        let bytes = spool.bench.disk.bytes(of: path)
        try #require(!bytes.isEmpty)
        let whole = try await spool.pulled()
        let all = try #require(whole.positions[spool.epoch])
        for damage in Damage.allCases {
            for offset in bytes.indices.prefix(200) {
                let puller = try await spool.pulled(path, damage, offset)
                let place = "\(damage) at byte \(offset) of \(path)"
                // The records are in the segments: the tables only tell what may go.
                #expect(puller.positions[spool.epoch] == all, "\(place)")
                #expect(puller.values == (0..<12).map(Int64.init), "\(place)")
                #expect(puller.losses.allSatisfy { $0.epoch != spool.epoch }, "\(place)")
                var hit = bytes
                damage.apply(&hit, offset)
                guard name != "commits" else { continue }
                let isGone =
                    name == "memory" ? hit.count != bytes.count : LogTables.lines(hit).isEmpty
                let causes = puller.losses.map(\.cause)
                #expect(causes == (isGone ? [LossCause.doubt] : []), "\(place)")
            }
        }
    }
}

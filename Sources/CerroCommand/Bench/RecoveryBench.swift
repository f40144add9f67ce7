internal import AgentClient
internal import Foundation
internal import MessageBus
internal import Telemetry

/// How soon an aggregator records again, and has caught up.
struct RecoveryBench: Sendable {
    let folder: String?

    private static let sources = ["load-1", "load-2"]

    /// An aggregator is killed that has a long journal: the seconds until the next one commits.
    func ready(journalBytes: Int) async throws -> BenchReport {
        let shape = Shape(fields: 16, rows: 60)
        return try await run(shape) { site, watch, time in
            try await site.startLoads(Self.sources, rate: nil)
            while watch.byteCount < Double(journalBytes) {
                watch.look()
                try await time.sleep(for: .milliseconds(50))
            }
            await site.kill("aggregator")
            _ = try await site.stopLoads(Self.sources, &watch)
            let known = Set(watch.journals())
            let start = time.monotonic
            try site.start("aggregator")
            while !watch.journals().contains(where: {
                !known.contains($0) && (watch.size(of: $0) ?? 0) > Limits.benchOpeningBytes
            }) {
                watch.look()
                try await time.sleep(for: .milliseconds(5))
            }
            let seconds = (time.monotonic - start).inSeconds
            let floor = try DiskFloor.readSeconds(Array(known))
            return BenchReport(
                name: "ready after kill -9, journal of "
                    + HumanText.byteCount(Int64(journalBytes)),
                samples: [seconds],
                unit: "s",
                isRate: false,
                floors: [BenchReport.Floor(name: "reading the journal once", median: floor)]
            )
        }
    }

    /// An hour of 10,000 values a second waits in the logs: the seconds until it is committed.
    func catchUp() async throws -> BenchReport {
        let shape = Shape(fields: 10, rows: 1)
        let messages = 3_600_000
        return try await run(shape) { site, watch, time in
            await site.kill("aggregator")
            try await site.startLoads(
                Self.sources,
                rate: nil,
                count: messages / Self.sources.count
            )
            for source in Self.sources {
                _ = try await site.client.result(
                    source,
                    Action.wait,
                    ["operation": "load", "wait_ns": 300_000_000_000],
                    timeout: .seconds(310)
                )
            }
            let start = time.monotonic
            try site.start("aggregator")
            try await site.waitUntilAlive(["aggregator"])
            try await watch.waitUntilQuiet()
            let count = try JournalCount(of: watch.journals())
            let end = count.end.flatMap { watch.synced(beyond: $0.offset, of: $0.path) }
            let floor =
                Double(count.byteCount)
                / (try DiskFloor.bytesPerSecond(in: site.folder, total: count.byteCount))
            return BenchReport(
                name: "catching up 1 h of 10,000 values/s",
                samples: [((end ?? time.monotonic) - start).inSeconds],
                unit: "s",
                isRate: false,
                lost: Self.sources.reduce(0) { lost, source in
                    let tally = count.rows[source] ?? RowTally()
                    return lost + tally.lost(upTo: messages / Self.sources.count)
                },
                doubled: count.rows.values.reduce(0) { $0 + $1.doubled },
                floors: [
                    BenchReport.Floor(name: "append and fdatasync of one copy", median: floor)
                ]
            )
        }
    }

    private func run(
        _ shape: Shape,
        _ body: (BenchSite, inout CommitWatch, SystemTimeSource) async throws -> BenchReport
    ) async throws -> BenchReport {
        let settings = BenchSite.Settings(
            agents: [BenchSite.aggregator] + Self.sources.map { BenchSite.load($0, shape) },
            parent: folder
        )
        return try await BenchSite.with(settings) { site in
            let time = SystemTimeSource()
            var watch = CommitWatch(folder: site.folder + "/archive", time: time)
            return try await body(site, &watch, time)
        }
    }
}

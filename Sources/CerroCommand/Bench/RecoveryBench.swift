internal import AgentClient
internal import Foundation
internal import MessageBus
internal import Telemetry

/// How soon an aggregator records again, and has caught up.
struct RecoveryBench: Sendable {
    let folder: String?

    /// An aggregator is killed that has a long journal: the seconds until the next one commits.
    func ready(journalBytes: Int) async throws -> BenchReport {
        let load = BenchLoad(shape: Shape(fields: 16, rows: 60), agents: 2)
        return try await run(load) { site, watch, time in
            try await load.start(on: site, rate: nil)
            while watch.byteCount < Double(journalBytes) {
                watch.look()
                try await time.sleep(for: .milliseconds(50))
            }
            await site.kill("aggregator")
            _ = try await load.stop(on: site, &watch)
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
        let load = BenchLoad(agents: 2)
        let messages = 3_600_000 / load.agents
        return try await run(load) { site, watch, time in
            await site.kill("aggregator")
            try await load.start(on: site, rate: nil, count: messages)
            try await load.wait(on: site)
            let start = time.monotonic
            try site.start("aggregator")
            try await site.waitUntilAlive(["aggregator"])
            try await watch.waitUntilQuiet()
            let count = try JournalCount(of: watch.journals())
            let end = count.end.flatMap { watch.synced(beyond: $0.offset, of: $0.path) }
            let published = Dictionary(load.sources.map { ($0, messages) }) { $1 }
            let account = load.account(count.rows, published)
            let floor =
                Double(count.byteCount)
                / (try DiskFloor.bytesPerSecond(in: site.folder, total: count.byteCount))
            return BenchReport(
                name: "catching up 1 h of 10,000 values/s",
                samples: [((end ?? time.monotonic) - start).inSeconds],
                unit: "s",
                isRate: false,
                lost: account.lost,
                doubled: account.doubled,
                floors: [
                    BenchReport.Floor(name: "append and fdatasync of one copy", median: floor)
                ]
            )
        }
    }

    private func run(
        _ load: BenchLoad,
        _ body: (BenchSite, inout CommitWatch, SystemTimeSource) async throws -> BenchReport
    ) async throws -> BenchReport {
        try await BenchSite.with(load.settings(parent: folder)) { site in
            let time = SystemTimeSource()
            var watch = CommitWatch(folder: site.folder + "/archive", time: time)
            return try await body(site, &watch, time)
        }
    }
}

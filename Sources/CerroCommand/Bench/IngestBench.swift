internal import Foundation
internal import SiteConfig
internal import Telemetry

/// One way of loading the path from agents to the journal, and what comes of it.
struct IngestBench: Sendable {
    /// What one run found.
    struct Run: Sendable {
        var messages = 0
        /// From the first command to publish until the journal with the last message is synced.
        var seconds = 0.0
        var lost = 0, doubled = 0
        /// Microseconds of a message, in all agents and in the aggregator.
        var agentCPU = 0.0, aggregatorCPU = 0.0
        var aggregatorPeak = 0
        var messageBytes = 0.0
        var floors: [BenchReport.Floor] = []

        var rate: Double { Double(messages) / seconds }
    }

    let load: BenchLoad
    let seconds: Double
    let rate: Double?
    let folder: String?

    /// Loads a site of its own, counts what is in its journal, and measures the floors.
    func run() async throws -> Run {
        try await BenchSite.with(load.settings(parent: folder)) { site in
            var run = try await measure(site)
            run.floors = [
                BenchReport.Floor(
                    name: "libzmq, one way over loopback",
                    median: try await WireFloor.messagesPerSecond(of: Int(run.messageBytes))
                ),
                BenchReport.Floor(
                    name: "append and fdatasync of one copy",
                    median: try DiskFloor.bytesPerSecond(
                        in: site.folder,
                        total: Int(run.messageBytes) * run.messages
                    ) / run.messageBytes
                ),
            ]
            return run
        }
    }

    private func measure(_ site: BenchSite) async throws -> Run {
        let time = SystemTimeSource()
        let before = site.usages
        let start = time.monotonic
        try await load.start(on: site, rate: rate)
        try await time.sleep(untilMonotonic: start + .nanoseconds(Int64(seconds * 1e9)))
        var watch = CommitWatch(folder: site.folder + "/archive", time: time)
        let published = try await load.stop(on: site, &watch)
        try await watch.waitUntilQuiet()
        let after = site.usages
        let count = try JournalCount(of: watch.journals())
        guard count.messages > 0 else {
            throw CommandFailure(.failed, "no message reached the journal")
        }
        var run = Run()
        run.messages = count.messages
        (run.lost, run.doubled) = load.account(count.rows, published)
        let end = count.end.flatMap { watch.synced(beyond: $0.offset, of: $0.path) }
        run.seconds = ((end ?? time.monotonic) - start).inSeconds
        run.messageBytes = Double(count.byteCount) / Double(count.messages)
        func microseconds(_ names: [String]) -> Double {
            let seconds = names.reduce(0) { sum, name in
                sum + (after[name]?.seconds ?? .nan) - (before[name]?.seconds ?? .nan)
            }
            return seconds * 1e6 / Double(count.messages)
        }
        run.agentCPU = microseconds(load.sources)
        run.aggregatorCPU = microseconds(["aggregator"])
        run.aggregatorPeak = after["aggregator"]?.peakBytes ?? 0
        return run
    }

    /// The report of several runs.
    static func report(_ shape: Shape, _ runs: [Run]) -> BenchReport {
        func median(_ figure: (Run) -> Double) -> Double {
            BenchReport.quantile(0.5, of: runs.map(figure))
        }
        let names = runs.first?.floors.map(\.name) ?? []
        let rate = median(\.rate)
        return BenchReport(
            name: "ingest \(shape)",
            samples: runs.map(\.rate),
            unit: "messages/s",
            isRate: true,
            lost: runs.reduce(0) { $0 + $1.lost },
            doubled: runs.reduce(0) { $0 + $1.doubled },
            floors: names.indices.map { index in
                BenchReport.Floor(name: names[index], median: median { $0.floors[index].median })
            },
            details: [
                "values_per_second": rate * Double(shape.fields * shape.rows),
                "messages": runs.reduce(0) { $0 + Double($1.messages) },
                "message_bytes": median(\.messageBytes),
                "agent_cpu_us": median(\.agentCPU),
                "aggregator_cpu_us": median(\.aggregatorCPU),
                "aggregator_peak_bytes": median { Double($0.aggregatorPeak) },
            ]
        )
    }
}

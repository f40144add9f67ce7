internal import Foundation
internal import SiteConfig
internal import Telemetry

/// A site at an even rate: many agents that publish, and all that belongs to a site; looked at once
/// all of it has begun.
struct RestBench: Sendable {
    private let load: BenchLoad
    /// Messages a second of all agents.
    private let rate: Double
    private let seconds: Double
    private let folder: String?

    /// A site at rest: so many agents with ten feeds of one message a second each, looked at for so
    /// long.
    init(agents: Int, seconds: Double, folder: String?) {
        load = BenchLoad(agents: agents, feeds: 10)
        rate = Double(agents * 10)
        self.seconds = seconds
        self.folder = folder
    }

    /// A site of that load, at `rate` messages a second.
    init(_ load: BenchLoad, rate: Double, seconds: Double, folder: String?) {
        self.load = load
        self.rate = rate
        self.seconds = seconds
        self.folder = folder
    }

    /// What all processes use, in percent of one core.
    func processorTime() async throws -> BenchReport {
        let messages = Double(load.agents * load.feeds)
        let window = try await rest()
        let account = window.account
        func percent(_ isMeant: (String) -> Bool) -> Double {
            window.processorSeconds(isMeant) / window.seconds * 100
        }
        let hop = try await EchoFloor.processorTime(hops: 20_000)
        return BenchReport(
            name: "at rest, \(load.agents) agents × \(load.feeds) feeds × 1 Hz",
            samples: [percent { _ in true }],
            unit: "% of a core",
            isRate: false,
            lost: account.lost,
            doubled: account.doubled,
            floors: [
                BenchReport.Floor(
                    name: "libzmq, as many single messages over one hop",
                    median: messages * hop * 1e-6 * 100
                )
            ],
            details: [
                "agents_percent": percent(load.sources.contains),
                "aggregator_percent": percent { $0 == "aggregator" },
                "reader_percent": percent { $0 == "reader" },
                "registry_percent": percent { $0 == Site.registryID },
            ]
        )
    }

    /// The processor time that all processes spend on one message, in microseconds.
    func messageTime() async throws -> BenchReport {
        let window = try await rest()
        func microseconds(_ isMeant: (String) -> Bool) -> Double {
            window.processorSeconds(isMeant) * 1e6 / Double(window.messages)
        }
        return BenchReport(
            name: "a message at \(HumanText.count(Int64(rate))) /s",
            samples: [microseconds { _ in true }],
            unit: "µs of all processes",
            isRate: false,
            lost: window.account.lost,
            doubled: window.account.doubled,
            floors: [
                BenchReport.Floor(
                    name: "libzmq, a single message over one hop",
                    median: try await EchoFloor.processorTime(hops: 20_000)
                )
            ],
            details: [
                "agent_cpu_us": microseconds(load.sources.contains),
                "aggregator_cpu_us": microseconds { $0 == "aggregator" },
                "messages_per_second": Double(window.messages) / window.seconds,
            ]
        )
    }

    /// What the processes of each kind hold, in MB.
    func memory() async throws -> [BenchReport] {
        let floor = ProcessUsage(of: getpid())
        let window = try await rest()
        let kinds = [
            ("an agent", load.sources), ("the registry", [Site.registryID]),
            ("the aggregator", ["aggregator"]), ("the reader", ["reader"]),
        ]
        return kinds.map { kind, names in
            let usages = names.compactMap { window.after[$0] }
            func median(_ figure: (ProcessUsage) -> Int) -> Double {
                BenchReport.quantile(0.5, of: usages.map { Double(figure($0)) / 1e6 })
            }
            return BenchReport(
                name: "memory of \(kind)",
                samples: usages.map { Double($0.residentBytes) / 1e6 },
                unit: "MB resident",
                isRate: false,
                lost: window.account.lost,
                doubled: window.account.doubled,
                floors: floor.map { usage in
                    [
                        BenchReport.Floor(
                            name: "this program before it does anything",
                            median: Double(usage.residentBytes) / 1e6
                        )
                    ]
                } ?? [],
                details: [
                    "anonymous_mb": median(\.anonymousBytes), "peak_mb": median(\.peakBytes),
                    "floor_anonymous_mb": Double(floor?.anonymousBytes ?? 0) / 1e6,
                ]
            )
        }
    }

    /// What was seen between two moments.
    private struct Window {
        let before: [String: ProcessUsage], after: [String: ProcessUsage]
        let seconds: Double
        /// Messages that were published meanwhile.
        let messages: Int
        let account: (lost: Int, doubled: Int)

        /// What the processes that are meant have used.
        func processorSeconds(_ isMeant: (String) -> Bool) -> Double {
            after.filter { isMeant($0.key) }.reduce(0) { sum, entry in
                sum + entry.value.seconds - (before[entry.key]?.seconds ?? .nan)
            }
        }
    }

    /// Has the site go on for a while, and counts what of it was kept.
    private func rest() async throws -> Window {
        var settings = load.settings(parent: folder)
        settings.agents.append(("reader", "{class: Reader, id: reader, start: [serve]}"))
        return try await BenchSite.with(settings) { site in
            let time = SystemTimeSource()
            var watch = CommitWatch(folder: site.folder + "/archive", time: time)
            try await load.start(on: site, rate: rate, over: .seconds(1))
            try await time.sleep(for: Limits.benchCalm)
            let first = try await load.published(on: site)
            let (before, start) = (site.usages, time.monotonic)
            try await time.sleep(for: .nanoseconds(Int64(seconds * 1e9)))
            let (after, end) = (site.usages, time.monotonic)
            let last = try await load.published(on: site)
            let published = try await load.stop(on: site, &watch)
            try await watch.waitUntilQuiet()
            let rows = try JournalCount(of: watch.journals()).rows
            return Window(
                before: before,
                after: after,
                seconds: (end - start).inSeconds,
                messages: last - first,
                account: load.account(rows, published)
            )
        }
    }
}

internal import Foundation
internal import SiteConfig
internal import Telemetry

/// A site at rest: many agents with many feeds of one message a second each, and all that belongs
/// to a site.
struct RestBench: Sendable {
    private let load: BenchLoad
    private let seconds: Double
    private let folder: String?

    /// A site of so many agents with ten feeds each, looked at for so long.
    init(agents: Int, seconds: Double, folder: String?) {
        load = BenchLoad(agents: agents, feeds: 10)
        self.seconds = seconds
        self.folder = folder
    }

    /// What all processes use, in percent of one core.
    func processorTime() async throws -> BenchReport {
        let messages = Double(load.agents * load.feeds)
        let (before, after, account) = try await rest()
        func percent(_ isMeant: (String) -> Bool) -> Double {
            let used = after.filter { isMeant($0.key) }.map { name, usage in
                usage.seconds - (before[name]?.seconds ?? .nan)
            }
            return used.reduce(0, +) / seconds * 100
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

    /// What the processes of each kind hold, in MB.
    func memory() async throws -> [BenchReport] {
        let floor = ProcessUsage(of: getpid())
        let (_, after, account) = try await rest()
        let kinds = [
            ("an agent", load.sources), ("the registry", [Site.registryID]),
            ("the aggregator", ["aggregator"]), ("the reader", ["reader"]),
        ]
        return kinds.map { kind, names in
            let usages = names.compactMap { after[$0] }
            func median(_ figure: (ProcessUsage) -> Int) -> Double {
                BenchReport.quantile(0.5, of: usages.map { Double(figure($0)) / 1e6 })
            }
            return BenchReport(
                name: "memory of \(kind)",
                samples: usages.map { Double($0.residentBytes) / 1e6 },
                unit: "MB resident",
                isRate: false,
                lost: account.lost,
                doubled: account.doubled,
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

    private typealias Usages = [String: ProcessUsage]

    /// What the processes use at the beginning and at the end of the time, and what was kept.
    private func rest() async throws -> (Usages, Usages, account: (lost: Int, doubled: Int)) {
        var settings = load.settings(parent: folder)
        settings.agents.append(("reader", "{class: Reader, id: reader, start: [serve]}"))
        return try await BenchSite.with(settings) { site in
            let time = SystemTimeSource()
            var watch = CommitWatch(folder: site.folder + "/archive", time: time)
            let rate = Double(load.agents * load.feeds)
            try await load.start(on: site, rate: rate, over: .seconds(1))
            try await time.sleep(for: Limits.benchWarmUp)
            let before = site.usages
            try await time.sleep(for: .nanoseconds(Int64(seconds * 1e9)))
            let after = site.usages
            let published = try await load.stop(on: site, &watch)
            try await watch.waitUntilQuiet()
            let rows = try JournalCount(of: watch.journals()).rows
            return (before, after, load.account(rows, published))
        }
    }
}

internal import AgentClient
internal import ArgumentParser
internal import Foundation
internal import Logging
internal import MessageBus
internal import MessagePack
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

extension BenchCommand {
    /// `cerro bench registry`.
    struct Registry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "registry",
            abstract: "What a large site costs its registry, and how soon its table is there.",
            discussion: """
                Instances that consist of a lease only, a hundred to a host, each on a connection \
                of its own and with a heartbeat a second, beside one real agent. The table is \
                asked for over one connection, and by `cerro status` as a whole process.
                """
        )

        @Option(help: "Instances.")
        var instances = 1000

        @Option(help: "Tables that are asked for, and a tenth as many processes.")
        var rounds = 200

        @OptionGroup var time: TimeOption
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard (1...2000).contains(instances), (10...100_000).contains(rounds) else {
                throw ValidationError("instances are 1 to 2000, rounds 10 to 100000")
            }
        }

        func run() async throws {
            let bench = RegistryBench(
                instances: instances,
                rounds: rounds,
                seconds: time.duration ?? 20,
                folder: options.folder
            )
            try await options.answer { try await bench.run() }
        }
    }
}

/// A registry that knows many instances.
struct RegistryBench: Sendable {
    let instances: Int, rounds: Int
    /// How long the registry is looked at while nobody asks.
    let seconds: Double
    let folder: String?

    /// The reports `registry at rest`, `memory`, `table` and `cerro status`.
    func run() async throws -> [BenchReport] {
        let agent = (id: "fake-1", entry: "{class: FakeData, id: fake-1, start: [acquire]}")
        return try await BenchSite.with(.init(agents: [agent], parent: folder)) { site in
            let fleet = try await Fleet(instances, like: site.client.instance(agent.id), site)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await fleet.live() }
                try await site.waitUntilAlive(fleet.names)
                let reports = try await measure(site)
                group.cancelAll()
                // Heartbeats end with their cancellation.
                while await group.nextResult() != nil {}
                await fleet.end()
                return reports
            }
        }
    }

    private func measure(_ site: BenchSite) async throws -> [BenchReport] {
        let time = SystemTimeSource()
        let name = Site.registryID
        try await time.sleep(for: Limits.benchWarmUp)
        let before = site.usages[name]
        try await time.sleep(for: .nanoseconds(Int64(seconds * 1e9)))
        guard let before, let after = site.usages[name] else {
            throw CommandFailure(.failed, "the registry of the benchmark has ended")
        }
        // A heartbeat is a message there and one back.
        let hop = try await EchoFloor.processorTime(hops: 20_000)
        let rest = BenchReport(
            name: "registry of \(instances) instances, a heartbeat a second each",
            samples: [(after.seconds - before.seconds) / seconds * 100],
            unit: "% of a core",
            isRate: false,
            floors: [
                .init(
                    name: "libzmq, as many messages over one hop and back, both ends",
                    median: Double(instances) * 2 * hop * 1e-6 * 100
                )
            ]
        )
        let bare = ProcessUsage(of: getpid()).map { Double($0.residentBytes) / 1e6 } ?? .nan
        let memory = BenchReport(
            name: "memory of a registry of \(instances) instances",
            samples: [Double(after.residentBytes) / 1e6],
            unit: "MB resident",
            isRate: false,
            floors: [.init(name: "this program, whose agents are only leases", median: bare)],
            details: ["anonymous_mb": Double(after.anonymousBytes) / 1e6]
        )
        return [rest, memory, try await table(site), try await status(site)]
    }

    private func table(_ site: BenchSite) async throws -> BenchReport {
        let samples = try await BenchReport.milliseconds(rounds) {
            _ = try await site.client.instances()
        }
        let bytes = try await site.client.instances().reduce(0) { $0 + $1.value.messagePack.count }
        let echo = try await EchoFloor.roundTrips(rounds, byteCount: bytes)
        return BenchReport(
            name: "table of \(instances) instances",
            samples: samples,
            unit: "ms",
            isRate: false,
            floors: [
                .init(
                    name: "libzmq echo, as many bytes both ways",
                    median: BenchReport.quantile(0.5, of: echo) / 1000
                )
            ],
            details: ["bytes": Double(bytes), "p99": BenchReport.quantile(0.99, of: samples)]
        )
    }

    private func status(_ site: BenchSite) async throws -> BenchReport {
        let all = try await BenchReport.milliseconds(max(10, rounds / 10)) {
            try await site.runProgram(["status", "--site", site.file])
        }
        let empty = try await BenchReport.milliseconds(max(10, rounds / 10)) {
            try await site.runProgram(["--version"])
        }
        return BenchReport(
            name: "cerro status of \(instances) instances, a whole process",
            samples: all,
            unit: "ms",
            isRate: false,
            floors: [
                .init(name: "cerro --version", median: BenchReport.quantile(0.5, of: empty))
            ]
        )
    }
}

/// Instances that are nothing but leases.
private final class Fleet: Sendable {
    let names: [String]
    private let row: InstanceRow
    private let buses: [ZeroMQBus]
    private let members: [(name: String, requester: Requester)]
    private let time = SystemTimeSource()

    /// So many members of one reactor, which stands for a host.
    private static let crew = 100

    init(_ count: Int, like row: InstanceRow, _ site: BenchSite) throws {
        self.row = row
        let names = (0..<count).map { "lease-\($0)" }
        let buses = try stride(from: 0, to: count, by: Self.crew).map { _ in try ZeroMQBus() }
        self.names = names
        self.buses = buses
        members = names.enumerated().map { number, name in
            let requester = Requester(
                bus: buses[number / Self.crew],
                endpoint: site.client.registry,
                timeSource: SystemTimeSource(),
                logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
            )
            return (name, requester)
        }
    }

    /// Registers all, and has them live until cancelled.
    ///
    /// The members of a crew are those of one host: its clock tells all of them the same second.
    func live() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, member) in members.enumerated() {
                let crew = number / Self.crew
                group.addTask {
                    let start = Duration.seconds(1) * number / self.members.count
                    try await self.time.sleep(for: start)
                    let phase = Duration.seconds(1) * crew / self.buses.count
                    try await self.live(member.name, member.requester, phase)
                }
            }
            try await group.waitForAll()
        }
    }

    private func live(
        _ name: String,
        _ requester: Requester,
        _ phase: Duration
    ) async throws {
        var row = row
        row.instance = name
        row.epoch = time.now.nanoseconds
        try await ask(requester, Action.register, ["row": row.value, "shows_lease": true])
        var due = time.nextBeat(every: .seconds(1)) + phase
        while true {
            due += .seconds(1)
            try await time.sleep(untilMonotonic: due)
            try await ask(
                requester,
                Action.heartbeat,
                [
                    "instance": .string(name), "epoch": .int(row.epoch),
                    "clock": .timestamp(time.now), "published": .int(row.published),
                    "operations": .map(row.operations.mapValues(Value.string)), "faults": [],
                    "control": .null, "refused": 0, "audited": 0,
                ]
            )
        }
    }

    private func ask(_ requester: Requester, _ action: String, _ arguments: Value) async throws {
        let reply = try await requester.request(
            action,
            target: Site.registryID,
            arguments: arguments,
            timeout: .seconds(5)
        )
        guard reply.code == .ok else {
            throw CommandFailure(.failed, "a lease of the benchmark is refused: \(reply.text)")
        }
    }

    /// Closes all connections.
    func end() async {
        for member in members { await member.requester.close() }
        for bus in buses { await bus.reactor.shutdown() }
    }
}

extension BenchReport {
    /// How long each of so many calls takes, in milliseconds, after some that are not counted.
    fileprivate static func milliseconds(
        _ count: Int,
        _ body: () async throws -> Void
    ) async throws -> [Double] {
        let clock = ContinuousClock()
        for _ in 0..<max(1, count / 10) { try await body() }
        var samples: [Double] = []
        for _ in 0..<count {
            let start = clock.now
            try await body()
            samples.append((clock.now - start).inSeconds * 1e3)
        }
        return samples
    }
}

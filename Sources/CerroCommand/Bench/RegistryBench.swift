internal import AgentClient
internal import ArgumentParser
internal import Foundation
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
                Instances that speak the registry's protocol and no more, a hundred to a host, \
                each on a connection of its own and with a heartbeat a second, beside one real \
                agent. The table is asked for over one connection, and by `cerro status` as a \
                whole process.
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
        try await time.sleep(for: Limits.benchCalm)
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
///
/// They speak the protocol, and leave out what a client has beside: on a site they are elsewhere,
/// and what they do is not to be measured here.
private final class Fleet: Sendable {
    let names: [String]
    private let crews: [Crew]
    private let time = SystemTimeSource()

    /// So many members of one reactor, which stands for a host.
    private static let most = 100

    init(_ count: Int, like row: InstanceRow, _ site: BenchSite) throws {
        let names = (0..<count).map { "lease-\($0)" }
        self.names = names
        crews = try stride(from: 0, to: count, by: Self.most).map { first in
            let members = names[first..<min(first + Self.most, count)]
            return try Crew(Array(members), like: row, site.client.registry)
        }
    }

    /// Registers all, and has them live until cancelled.
    ///
    /// The members of a crew are those of one host: its clock tells all of them the same second.
    ///
    /// - Throws: ``CommandFailure`` once the registry refuses one, or has not answered in time.
    func live() async throws {
        let count = crews.count
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, crew) in crews.enumerated() {
                let phase = Duration.seconds(1) * number / count
                group.addTask { try await crew.live(phase) }
            }
            try await group.waitForAll()
        }
    }

    /// Closes all connections.
    func end() async {
        for crew in crews { await crew.end() }
    }
}

/// The instances of one host.
private actor Crew {
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    private let bus: any Bus
    private let names: [String]
    private let row: InstanceRow
    private let registry: BusEndpoint
    private let time = SystemTimeSource()
    private var connections: [any RequestConnection] = []
    /// Questions that are not answered.
    private var open = 0
    private var refusal: String?

    init(_ names: [String], like row: InstanceRow, _ registry: BusEndpoint) throws {
        self.names = names
        self.row = row
        self.registry = registry
        bus = try ZeroMQBus()
    }

    func live(_ phase: Duration) async throws {
        var row = row
        row.epoch = time.now.nanoseconds
        connections = try names.map { _ in try connect() }
        while !connections.allSatisfy(\.state.isConnected) {
            try await time.sleep(for: .milliseconds(10))
        }
        for (name, connection) in zip(names, connections) {
            row.instance = name
            try ask(connection, Action.register, ["row": row.value, "shows_lease": true])
        }
        var due = time.nextBeat(every: .seconds(1)) + phase
        while true {
            due += .seconds(1)
            try await time.sleep(untilMonotonic: due)
            if let refusal {
                throw CommandFailure(.failed, "a lease of the benchmark is refused: \(refusal)")
            }
            guard open < 5 * names.count else {
                throw CommandFailure(.failed, "the registry of the benchmark does not answer")
            }
            for (name, connection) in zip(names, connections) {
                try ask(
                    connection,
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
    }

    private func connect() throws -> any RequestConnection {
        try bus.connect(
            to: registry,
            onReply: { [weak self] bytes in
                let reply = Result { () throws(WireError) in try Reply(bytes: bytes) }
                self?.assumeIsolated { $0.note(reply) }
            },
            onState: { _ in }
        )
    }

    private func note(_ reply: Result<Reply, WireError>) {
        open -= 1
        switch reply {
        case .success(let reply) where reply.code == .ok: break
        case .success(let reply): refusal = reply.text
        case .failure(let error): refusal = "\(error)"
        }
    }

    private func ask(
        _ connection: any RequestConnection,
        _ action: String,
        _ arguments: Value
    ) throws {
        let request = Request(
            action: action,
            target: Site.registryID,
            expiry: time.now + .seconds(5),
            arguments: arguments
        )
        guard connection.send(request.bytes) else {
            throw CommandFailure(.failed, "the registry of the benchmark is away")
        }
        open += 1
    }

    func end() async {
        for connection in connections { connection.close() }
        await bus.reactor.shutdown()
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

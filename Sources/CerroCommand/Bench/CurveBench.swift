internal import ArgumentParser
internal import MessageBus
internal import Telemetry
internal import ZeroMQ

extension BenchCommand {
    /// `cerro bench curve`.
    struct Curve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "curve",
            abstract: "What keys cost: messages a second, commands, and strangers at the door.",
            discussion: """
                Messages of 1 KiB with and without keys; `status` of an agent in another process \
                with and without; and the same with keys while strangers try to get in.
                """
        )

        @Option(help: "Commands of each kind.")
        var rounds = 2000

        @Option(help: "Strangers a second.")
        var strangers = 1000

        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard (10...100_000).contains(rounds), (1...1000).contains(strangers) else {
                throw ValidationError("rounds are 10 to 100000, strangers 1 to 1000 a second")
            }
        }

        func run() async throws {
            let bench = CurveBench(rounds: rounds, rate: strangers, folder: options.folder)
            try await options.answer { try await bench.run() }
        }
    }
}

/// What keys cost.
struct CurveBench: Sendable {
    let rounds: Int
    /// Strangers a second.
    let rate: Int
    let folder: String?

    /// The reports `curve messages`, `curve command` and `curve strangers`.
    func run() async throws -> [BenchReport] {
        [try await messages()] + (try await commands())
    }

    private func messages() async throws -> BenchReport {
        let keys = try KeyPair.random()
        var plain: [Double] = []
        var secret: [Double] = []
        for _ in 0..<5 {
            plain.append(try await WireFloor.messagesPerSecond(of: 1024))
            secret.append(try await WireFloor.messagesPerSecond(of: 1024, keys: keys))
        }
        return BenchReport(
            name: "curve messages of 1 KiB",
            samples: secret,
            unit: "messages/s",
            isRate: true,
            floors: [.init(name: "without keys", median: BenchReport.quantile(0.5, of: plain))]
        )
    }

    private func commands() async throws -> [BenchReport] {
        let plain = try await CommandBench.statusTrips(rounds, hasKeys: false, folder: folder)
        let keyed = try await CommandBench.statusTrips(rounds, hasKeys: true, folder: folder)
        let clock = ContinuousClock()
        let start = clock.now
        let rate = rate
        let crowded = try await CommandBench.statusTrips(
            rounds,
            hasKeys: true,
            folder: folder
        ) { endpoint in
            try await Strangers.knock(at: endpoint, rate: rate)
        }
        let seconds = (clock.now - start).inSeconds
        return [
            report("command", keyed.samples, "without keys", plain.samples),
            report(
                "strangers",
                crowded.samples,
                "without strangers",
                keyed.samples,
                ["refused": Double(crowded.refused), "seconds": seconds]
            ),
        ]
    }

    private func report(
        _ name: String,
        _ samples: [Double],
        _ floor: String,
        _ floorSamples: [Double],
        _ details: [String: Double] = [:]
    ) -> BenchReport {
        let median = BenchReport.quantile(0.5, of: floorSamples)
        var details = details
        details["p99"] = BenchReport.quantile(0.99, of: samples)
        details["added"] = BenchReport.quantile(0.5, of: samples) - median
        details["floor p99"] = BenchReport.quantile(0.99, of: floorSamples)
        return BenchReport(
            name: "curve \(name)",
            samples: samples,
            unit: "µs",
            isRate: false,
            floors: [.init(name: floor, median: median)],
            details: details
        )
    }
}

/// Peers with a key that nobody knows, one after the other.
private actor Strangers {
    /// How long each stays after it was refused; the agent has forgotten it long before.
    private static let stay = Duration.milliseconds(100)
    /// How many come at once, as no timer is finer.
    private static let period = Duration.milliseconds(5)

    private let reactor: Reactor
    private let context: Context
    private let key: KeyPair
    private let endpoint: BusEndpoint
    private let server: PublicKey

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        reactor.asUnownedSerialExecutor()
    }

    private init?(_ endpoint: BusEndpoint) throws {
        guard let server = endpoint.key else { return nil }
        self.endpoint = endpoint
        self.server = server
        key = try .random()
        context = try Context()
        reactor = try Reactor(context: context)
    }

    /// Has so many come a second until cancelled.
    static func knock(at endpoint: BusEndpoint, rate: Int) async throws {
        guard let strangers = try Strangers(endpoint) else { return }
        let time = SystemTimeSource()
        var due = time.monotonic
        var share = 0.0
        while !Task.isCancelled {
            share += Double(rate) * period.inSeconds
            await strangers.come(Int(share))
            share -= share.rounded(.down)
            due += period
            try? await time.sleep(untilMonotonic: due)
        }
        await strangers.reactor.shutdown()
    }

    private func come(_ count: Int) {
        for _ in 0..<count {
            var options = SocketOptions()
            options.curve = .client(key, server: server)
            options.linger = .zero
            guard
                let socket = try? Socket(
                    .dealer,
                    context: context,
                    reactor: reactor,
                    options: options
                ), (try? socket.connect(to: endpoint.description)) != nil
            else { return }
            reactor.run(after: Self.stay) { socket.close(isDiscarding: true) }
        }
    }
}

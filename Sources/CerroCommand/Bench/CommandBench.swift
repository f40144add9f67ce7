internal import AgentClient
internal import MessageBus
internal import Telemetry

/// Round trips of commands to an agent in a process of its own.
struct CommandBench: Sendable {
    let rounds: Int
    let folder: String?

    /// The reports `command status` and `command start+wait`, in microseconds.
    func run() async throws -> [BenchReport] {
        let agent = (id: "fake-1", entry: "{class: FakeData, id: fake-1}")
        return try await BenchSite.with(.init(agents: [agent], parent: folder)) { site in
            let client = site.client
            let status = try await trips {
                _ = try await client.result("fake-1", Action.status, ["operation": "count"])
            }
            let start = try await trips {
                _ = try await client.result(
                    "fake-1",
                    Action.start,
                    [
                        "operation": "delay_task", "parameters": ["delay": 0],
                        "wait_ns": 5_000_000_000,
                    ]
                )
            }
            let floors = [
                BenchReport.Floor(
                    name: "TCP ping-pong",
                    median: BenchReport.quantile(0.5, of: try SocketFloor.roundTrips(rounds))
                ),
                BenchReport.Floor(
                    name: "libzmq DEALER-ROUTER echo",
                    median: BenchReport.quantile(0.5, of: try await EchoFloor.roundTrips(rounds))
                ),
            ]
            return [report("status", status, floors), report("start+wait", start, floors)]
        }
    }

    /// Commands without effect to an agent whose sockets have keys or not, in microseconds.
    ///
    /// `during` gets where the agent answers, and goes on while they are measured.
    static func statusTrips(
        _ rounds: Int,
        hasKeys: Bool,
        folder: String?,
        during: (@Sendable (BusEndpoint) async throws -> Void)? = nil
    ) async throws -> (samples: [Double], refused: Int64) {
        let bench = CommandBench(rounds: rounds, folder: folder)
        let agent = (id: "fake-1", entry: "{class: FakeData, id: fake-1}")
        let settings = BenchSite.Settings(agents: [agent], parent: folder, hasKeys: hasKeys)
        return try await BenchSite.with(settings) { site in
            let client = site.client
            let endpoint = try await client.instance("fake-1").requestsEndpoint
            return try await withThrowingTaskGroup(of: Void.self) { group in
                if let during, let endpoint { group.addTask { try await during(endpoint) } }
                let samples = try await bench.trips {
                    _ = try await client.result("fake-1", Action.status, ["operation": "count"])
                }
                group.cancelAll()
                let status = try await client.result("fake-1", Action.status)
                return (samples, status["refused"]?.int ?? 0)
            }
        }
    }

    private func report(
        _ name: String,
        _ samples: [Double],
        _ floors: [BenchReport.Floor]
    ) -> BenchReport {
        BenchReport(
            name: "command \(name)",
            samples: samples,
            unit: "µs",
            isRate: false,
            floors: floors,
            details: ["p99": BenchReport.quantile(0.99, of: samples)]
        )
    }

    /// How long each of the round trips takes, in microseconds, after some that are not counted.
    private func trips(_ body: () async throws -> Void) async throws -> [Double] {
        let clock = ContinuousClock()
        for _ in 0..<(rounds / 10) { try await body() }
        var samples: [Double] = []
        for _ in 0..<rounds {
            let start = clock.now
            try await body()
            samples.append((clock.now - start).inSeconds * 1e6)
        }
        return samples
    }
}

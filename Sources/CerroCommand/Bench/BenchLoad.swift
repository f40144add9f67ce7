internal import AgentClient
internal import MessageBus
internal import Telemetry

/// What most benchmarks load their site with: numbered rows of FakeData's process `load`, and the
/// aggregator that keeps them.
struct BenchLoad: Sendable {
    /// What one message is.
    var shape = Shape(fields: 10, rows: 1)
    /// Agents that publish.
    var agents: Int
    /// Feeds of each agent, which are published together.
    var feeds = 1

    /// The agents that publish.
    var sources: [String] { (1...agents).map { "load-\($0)" } }

    /// A site with these sources and an aggregator.
    func settings(parent: String?) -> BenchSite.Settings {
        let aggregator = "{class: Aggregator, id: aggregator, start: [record]}"
        let load = "{load: {feeds: \(feeds), fields: \(shape.fields), rows: \(shape.rows)}}"
        return BenchSite.Settings(
            agents: [("aggregator", aggregator)]
                + sources.map { ($0, "{class: FakeData, id: \($0), arguments: \(load)}") },
            parent: parent
        )
    }

    /// Has all sources publish: `rate` messages a second together, nil for as many as they can;
    /// until `count` messages each are out, nil for as long as nobody stops them.
    ///
    /// One begins after the other in the course of `spread`, so that they do not keep in step.
    func start(
        on site: BenchSite,
        rate: Double?,
        count: Int? = nil,
        over spread: Duration = .zero
    ) async throws {
        let fastest = Limits.benchMessageRate
        let each = min((rate ?? fastest * Double(agents)) / Double(agents), fastest)
        var parameters: [String: Value] = ["rate": .double(each)]
        if let count { parameters["count"] = .int(Int64(count)) }
        let time = SystemTimeSource()
        let start = time.monotonic
        for (place, source) in sources.enumerated() {
            try await time.sleep(untilMonotonic: start + spread * place / agents)
            _ = try await site.client.result(
                source,
                Action.start,
                ["operation": "load", "parameters": .map(parameters)]
            )
        }
    }

    /// Waits until all sources have published what they were asked for.
    func wait(on site: BenchSite) async throws {
        for source in sources {
            _ = try await site.client.result(
                source,
                Action.wait,
                ["operation": "load", "wait_ns": 300_000_000_000],
                timeout: .seconds(310)
            )
        }
    }

    /// How many messages all sources have published, as they said a quarter of a second ago.
    func published(on site: BenchSite) async throws -> Int {
        var count = 0
        for source in sources {
            let status = try await site.client.result(
                source,
                Action.status,
                ["operation": "load"]
            )
            count += Int(status["session"]?["data"]?["published"]?.int ?? 0)
        }
        return count
    }

    /// Stops all sources; returns how many messages the log of each has accepted.
    func stop(on site: BenchSite, _ watch: inout CommitWatch) async throws -> [String: Int] {
        var published: [String: Int] = [:]
        for source in sources {
            let result = try await site.client.result(
                source,
                Action.stop,
                ["operation": "load", "wait_ns": 20_000_000_000],
                timeout: .seconds(30)
            )
            watch.look()
            published[source] = (result["session"]?["data"]?["published"]?.int).map { Int($0) }
        }
        guard published.count == agents else {
            throw CommandFailure(.failed, "not every source says how much it has published")
        }
        return published
    }

    /// How many rows of the published messages are missing, and how many are there once more.
    func account(
        _ rows: [String: RowTally],
        _ published: [String: Int]
    ) -> (lost: Int, doubled: Int) {
        let lost = published.reduce(0) { lost, entry in
            lost + (rows[entry.key] ?? RowTally()).lost(upTo: entry.value * shape.rows)
        }
        return (lost, rows.values.reduce(0) { $0 + $1.doubled })
    }
}

internal import AgentClient
internal import MessageBus
internal import Telemetry

// What most benchmarks load their site with: numbered rows of FakeData's process `load`.

extension BenchSite {
    /// An aggregator, as an entry of a site file.
    static let aggregator = (
        id: "aggregator", entry: "{class: Aggregator, id: aggregator, start: [record]}"
    )

    /// A source of numbered rows.
    static func load(_ id: String, _ shape: Shape) -> (id: String, entry: String) {
        let load = "{load: {fields: \(shape.fields), rows: \(shape.rows)}}"
        return (id, "{class: FakeData, id: \(id), arguments: \(load)}")
    }

    /// Has all sources publish: `rate` messages a second together, nil for as many as they can;
    /// until `count` messages each are out, nil for as long as nobody stops them.
    func startLoads(_ sources: [String], rate: Double?, count: Int? = nil) async throws {
        let fastest = Limits.benchMessageRate
        let each = min((rate ?? fastest * Double(sources.count)) / Double(sources.count), fastest)
        var parameters: [String: Value] = ["rate": .double(each)]
        if let count { parameters["count"] = .int(Int64(count)) }
        for source in sources {
            _ = try await client.result(
                source,
                Action.start,
                ["operation": "load", "parameters": .map(parameters)]
            )
        }
    }

    /// Stops all sources; returns how many messages the log of each has accepted.
    func stopLoads(_ sources: [String], _ watch: inout CommitWatch) async throws -> [String: Int] {
        var published: [String: Int] = [:]
        for source in sources {
            let result = try await client.result(
                source,
                Action.stop,
                ["operation": "load", "wait_ns": 20_000_000_000],
                timeout: .seconds(30)
            )
            watch.look()
            published[source] = (result["session"]?["data"]?["published"]?.int).map { Int($0) }
        }
        return published
    }
}

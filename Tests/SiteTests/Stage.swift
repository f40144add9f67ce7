import AgentClient
import AgentRuntime
import Aggregator
import CerroTesting
import InstrumentAgents
import MessageBus
import Reader
import SiteConfig
import Telemetry
import Testing

/// A site in one process: a registry, an aggregator, agents that number what they publish, and a
/// reader that tells what of it the archive holds.
struct Stage: Sendable {
    /// The registry and whoever runs.
    let site: TestObservatory
    /// The folder of the archive.
    let archive: String
    /// The instance that writes it.
    let aggregator: String
    /// How long a segment of the journal lasts.
    let rotate: Duration
    private let reader: QueryService

    /// Runs `body` with an aggregator that records, on clocks that run four times as fast.
    static func run(
        rotate: Duration = .seconds(3600),
        on bus: (any Bus)? = nil,
        _ body: @escaping @Sendable (Stage) async throws -> Void
    ) async throws {
        try await TestObservatory.run(
            [:],
            on: try bus ?? InMemoryBus(),
            time: HurriedTimeSource(speed: 4)
        ) { site in
            let stage = Stage(site, rotate)
            try await stage.beginAggregator()
            try await body(stage)
        }
    }

    private init(
        _ site: TestObservatory,
        _ rotate: Duration,
        _ aggregator: String = "aggregator"
    ) {
        self.site = site
        self.rotate = rotate
        self.aggregator = aggregator
        archive = "\(site.folder.path)/archive of \(aggregator)"
        reader = QueryService(
            directory: archive,
            holder: "test",
            cache: 64 << 20,
            time: site.time
        )
    }

    /// The same site with another aggregator, which has an archive of its own; it is to be begun.
    func another(_ aggregator: String) -> Stage { Stage(site, rotate, aggregator) }

    /// Begins the aggregator, which records at once.
    func beginAggregator() async throws {
        try await site.begin(
            AggregatorAgent(
                settings: ArchiveSettings(directory: archive, rotate: rotate, maxSize: 1 << 30),
                time: site.time
            ),
            aggregator,
            start: [("record", [:])]
        )
    }

    /// Begins an agent that numbers its messages, `rate` of them a second from the start.
    func beginLoad(_ instance: String, rate: Double = 200) async throws {
        let configuration = FakeDataAgent.Configuration(load: .init(fields: 2, rate: rate))
        try await site.begin(
            FakeDataAgent(configuration),
            instance,
            start: [("load", [:])]
        )
    }

    /// Stops the load of an instance; returns how many messages its log has accepted in this run.
    func stopLoad(_ instance: String) async throws -> Int64 {
        let session = try await perform(Action.stop, "load", on: instance)
        return try #require(session.data["published"]?.int)
    }

    /// Does something with an operation and waits for its end.
    @discardableResult
    func perform(
        _ action: String,
        _ operation: String,
        on instance: String
    ) async throws -> Session {
        // A request to an instance that has just been restarted is refused as stale, or the
        // registry is away for a moment: nothing was done, so it is asked again.
        try await eventually("\(action) \(operation) of \(instance)") {
            let reply = try await site.client.request(
                instance,
                action,
                ["operation": .string(operation), "wait_ns": 60_000_000_000],
                timeout: .seconds(80)
            )
            return reply.result["session"].flatMap(Session.init)
        }
    }

    /// The numbers that the archive holds of an instance, in order of time.
    func numbers(of instance: String) async throws -> [Int64] {
        guard let content = try await content("\(instance).load.n"),
            case .samples(let column) = content, case .ints(let values) = column.values
        else { return [] }
        return values
    }

    /// What the archive holds of a field.
    func content(_ field: String) async throws -> FieldAnswer.Content? {
        try await reader.refresh()
        let range = Timestamp(seconds: 0)..<Timestamp(seconds: 4_000_000_000)
        let answer = try await reader.data(
            DataQuery(fields: [FieldPattern(field)], range: range)
        )
        return answer.timelines.first?.fields.first?.content
    }

    /// What the archive knows to be missing.
    func gaps() async throws -> [LedgerEntry] {
        try await reader.refresh()
        let range = Timestamp(seconds: 0)..<Timestamp(seconds: 4_000_000_000)
        return try await reader.gaps(GapsQuery(range: range))
    }

    /// Waits until the archive holds at least `count` messages of an instance.
    @discardableResult
    func untilArchived(_ count: Int, of instance: String) async throws -> [Int64] {
        try await eventually("\(count) messages of \(instance) in the archive") {
            let numbers = try await numbers(of: instance)
            return numbers.count >= count ? numbers : nil
        }
    }

    /// Waits until the archive holds what the runs of an instance accepted, then checks that it
    /// holds each message once, in order, and nothing else.
    func expectExactlyOnce(
        _ instance: String,
        _ runs: Int64...,
        at line: SourceLocation = #_sourceLocation
    ) async throws {
        try await expectExactlyOnce(instance, runs: runs, at: line)
    }

    /// As above, with the runs in an array.
    func expectExactlyOnce(
        _ instance: String,
        runs: [Int64],
        at line: SourceLocation = #_sourceLocation
    ) async throws {
        let expected = runs.flatMap { Array(1...max($0, 1)).prefix(Int($0)) }
        let numbers = try await untilArchived(expected.count, of: instance)
        let difference = expected.indices.first { numbers[$0] != expected[$0] }
        let place = difference.map { "first wrong at \($0)" } ?? "the first ones are right"
        #expect(
            difference == nil && numbers.count == expected.count,
            "\(numbers.count) messages, \(expected.count) expected, \(place)",
            sourceLocation: line
        )
    }
}

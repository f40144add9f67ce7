import Access
import AgentClient
import AgentRuntime
import CerroTesting
import Hummingbird
import HummingbirdTesting
import MessageBus
@testable import SiteConfig
import Synchronization
import Telemetry

@testable import Reader

/// What a session of the reader says, and when it can be asked.
final class RecordingBacking: SessionBacking {
    private struct State {
        var data: [String: Value] = [:]
        var degradations: [String?] = []
        var faults: [String: String] = [:]
    }

    let time: any TimeSource
    private let state = Mutex(State())
    private let events: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init(_ time: any TimeSource) {
        self.time = time
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What the session said about its health, in order.
    var degradations: [String?] { state.withLock { $0.degradations } }

    /// What each fault says that is raised, by its id.
    var faults: [String: String] { state.withLock { $0.faults } }

    /// Waits until HTTP listens and the archive was looked at once; the port.
    func ready() async -> Int {
        for await _ in events {
            let (port, isSettled) = state.withLock { state in
                (state.data["port"]?.int, !state.degradations.isEmpty)
            }
            if let port, isSettled { return Int(port) }
        }
        return 0
    }

    func publish(_ feed: Feed, _ blocks: [Block]) async throws {}

    func setDegraded(_ reason: String?) {
        state.withLock { $0.degradations.append(reason) }
        continuation.yield()
    }

    func setData(_ key: String, _ value: Value) {
        state.withLock { $0.data[key] = value }
        continuation.yield()
    }

    func log(_ message: String) {}
    func raise(_ fault: Fault) { state.withLock { $0.faults[fault.id] = fault.text } }
    func clear(_ id: String, subject: String) { state.withLock { $0.faults[id] = nil } }
}

/// A site that answers what it is made with, or cannot be reached.
final class FixedSite: LiveSite {
    struct Unreachable: Error, CustomStringConvertible {
        var description: String { "no registry at 127.0.0.1:5560" }
    }

    private let rows: [InstanceRow]?
    private let asked = Mutex<[(instance: String, action: String, arguments: Value)]>([])
    private let askers = Mutex<[Asker?]>([])
    private let stream: AsyncStream<LiveMessage>
    private let sink: AsyncStream<LiveMessage>.Continuation
    private let heard = Heard()

    init(_ rows: [InstanceRow]? = nil) {
        self.rows = rows
        (stream, sink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(100))
        sink.onTermination = { [heard] _ in heard.set(.over) }
    }

    /// Whether somebody listens to what is published.
    enum Listening { case never, now, over }
    var listening: Listening { heard.value }

    private final class Heard: Sendable {
        private let state = Mutex(Listening.never)
        var value: Listening { state.withLock { $0 } }
        func set(_ value: Listening) { state.withLock { $0 = value } }
    }

    /// What was asked of instances, in order.
    var requests: [(instance: String, action: String, arguments: Value)] {
        asked.withLock { $0 }
    }

    /// For whom it was asked.
    var askedFor: [Asker?] { askers.withLock { $0 } }

    /// Publishes a message.
    func publish(_ topic: String, _ payload: [UInt8]) {
        sink.yield(LiveMessage(topic: topic, payload: payload))
    }

    func table() async throws -> [InstanceRow] {
        guard let rows else { throw Unreachable() }
        return rows
    }

    /// An instance `cryo` with the feed `temps`, whose operations all are accepted but `busy`.
    func reply(
        of instance: String,
        to action: String,
        _ arguments: Value,
        for asker: Asker?
    ) async throws -> Reply {
        asked.withLock { $0.append((instance, action, arguments)) }
        askers.withLock { $0.append(asker) }
        guard instance == "cryo" else { throw ClientError.unknownInstance(instance, near: []) }
        let isBusy = arguments["operation"] == "busy"
        return Reply(
            id: [],
            code: isBusy ? .operationBusy : .ok,
            text: isBusy ? "it runs already" : "",
            result: result(of: action, arguments),
            clock: at(0),
            epoch: 1
        )
    }

    private func result(of action: String, _ arguments: Value) -> Value {
        switch action {
        case Action.describe: return ["feeds": [FixedSite.feed.value], "operations": []]
        case Action.take:
            let count = requests.count { $0.action == Action.take }
            let control = Control(
                holder: Caller(name: "http", proof: .local),
                reason: "tests",
                since: at(100),
                until: at(100 + 600 * Double(count))
            )
            return ["control": control.value]
        default: return arguments
        }
    }

    static let feed = Feed("temps", fields: [Field("stage", unit: .kelvin)])

    func messages() async -> AsyncStream<LiveMessage> {
        heard.set(.now)
        return stream
    }

    func close() async { sink.finish() }
}

/// A reader that serves on a free port, and a client of it.
struct RunningReader: Sendable {
    let agent: ReaderAgent
    let backing: RecordingBacking
    let wake: ReaderWake
    let port: Int
    let client: TestClient

    /// GET (or another method) of an address, with the headers that matter here.
    func get(
        _ address: String,
        host: String? = "127.0.0.1",
        accept: String? = nil,
        origin: String? = nil,
        headers: HTTPFields = [:],
        method: HTTPRequest.Method = .get,
        body: String? = nil
    ) async throws -> (status: Int, text: String, headers: HTTPFields) {
        let response = try await answer(address, host, accept, origin, more: headers, method, body)
        let text = response.body.map { String(buffer: $0) } ?? ""
        return (response.status.code, text, response.headers)
    }

    /// The same, with the body as it came.
    func answer(
        _ address: String,
        _ host: String? = "127.0.0.1",
        _ accept: String? = nil,
        _ origin: String? = nil,
        more: HTTPFields = [:],
        _ method: HTTPRequest.Method = .get,
        _ body: String? = nil
    ) async throws -> TestClient.Response {
        var headers = more
        if let accept { headers[.accept] = accept }
        if let origin { headers[.origin] = origin }
        return try await client.execute(
            TestClient.Request(
                address,
                method: method,
                authority: host,
                headers: headers,
                body: body.map { ByteBuffer(string: $0) }
            )
        )
    }
}

/// Runs `body` beside a reader of the archive in `path`, whose clock shows `now`.
func withReader(
    _ path: String,
    now: Timestamp = at(100),
    site: FixedSite = FixedSite(),
    behindProxy: Bool = false,
    access: AccessControl? = nil,
    tls: TLSFiles? = nil,
    names: [String] = [],
    _ body: @escaping @Sendable (RunningReader) async throws -> Void
) async throws {
    let wake = ReaderWake()
    let agent = ReaderAgent(
        archive: path,
        holder: "test",
        settings: ReaderSettings(
            listen: Endpoint(host: "127.0.0.1", port: 0),
            cache: 1 << 20,
            isBehindProxy: behindProxy,
            tls: tls,
            names: names
        ),
        site: site,
        labels: SeriesLabels(site: "hill", homes: ["cryo": ("dome", "Lakeshore372")]),
        access: access,
        wake: wake,
        time: ManualTimeSource(now)
    )
    let backing = RecordingBacking(SystemTimeSource())
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await agent.serve(OperationSession(backing)) }
        let port = await backing.ready()
        // Longer than any answer takes on a slow machine.
        let patience = TestClient.Configuration(timeout: .seconds(180))
        let client = TestClient(host: "127.0.0.1", port: port, configuration: patience)
        client.connect()
        let reader = RunningReader(
            agent: agent,
            backing: backing,
            wake: wake,
            port: port,
            client: client
        )
        do {
            try await body(reader)
        } catch {
            group.cancelAll()
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
        group.cancelAll()
        try await group.waitForAll()
    }
}

extension ReaderServer {
    /// A server without a site, whose archive is `service`'s.
    init(_ service: QueryService, listen: Endpoint, time: any TimeSource) {
        self.init(ReaderSettings(listen: listen, cache: 1 << 20), service, time)
    }

    /// A server without a site and without keys, of an archive of one second.
    init(
        _ settings: ReaderSettings,
        _ service: QueryService? = nil,
        _ time: any TimeSource = ManualTimeSource(at(0))
    ) {
        let entrance = Entrance(settings, access: .open, services: nil, time: time)
        let engine = QueryEngine(archive: cryostat(seconds: 1))
        self.init(
            routes: ReaderRoutes(
                service: service
                    ?? QueryService(engine: engine, pool: WorkPool(time: time), time: time),
                live: LiveRoutes(
                    site: FixedSite(),
                    name: "hill",
                    table: LiveTable(),
                    time: time,
                    entrance: entrance
                ),
                labels: SeriesLabels(site: "hill", homes: [:]),
                entrance: entrance
            ),
            settings: settings
        )
    }
}

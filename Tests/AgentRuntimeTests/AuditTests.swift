import AgentClient
import ArchiveFormat
import CerroTesting
import Log
import MessageBus
import Telemetry
import Testing
import ZeroMQ

@testable import AgentRuntime

/// An operation that takes secrets, and looks into the log while it runs.
private struct SecretiveAgent: Agent {
    let gate = Gate()
    var feeds: [Feed] { [] }
    var operations: [AgentOperation] {
        [
            .task("login") { (_, _: Credentials) in },
            .process("serve") { session in for await _ in session.ticks(every: .seconds(60)) {} },
            .task("hold", abortable: true) { _ in try await gate.wait() },
        ]
    }

    struct Credentials: OperationParameters {
        init(from reader: inout ParameterReader) throws(ParameterError) {
            _ = try reader.string("user")
            _ = try reader.string("password", choices: ["xyzzy"])
            _ = try reader.string("plug", default: "", secret: true)
        }
    }
}

@Suite("The audit", .serialized, .timeLimit(.minutes(10)))
struct AuditTests {
    private func run(
        time: any TimeSource = SystemTimeSource(),
        _ body: @escaping @Sendable (TestObservatory) async throws -> Void
    ) async throws {
        try await TestObservatory.run(
            ["a": SecretiveAgent()],
            on: InMemoryBus(),
            time: time,
            body
        )
    }

    /// The entries of `a` in the order of its log.
    static func entries(_ site: TestObservatory, epoch: Int64? = nil) async throws -> [AuditEntry] {
        let newest = try await site.client.instance("a").epoch
        let request = FetchRequest(
            archive: "test",
            epoch: epoch ?? newest,
            after: 0,
            crc: 0,
            committedEpoch: 0,
            committedPosition: 0,
            maxBytes: 1 << 20
        )
        let result = try await site.client.result("a", Action.fetch, request.value)
        let answer = try #require(FetchAnswer(result))
        var entries: [AuditEntry] = []
        var feeds: [Int64: Feed] = [:]
        try answer.frames.withUnsafeBytes { bytes in
            var scanner = FrameScanner(bytes)
            while case .frame(_, let payload, _)? = scanner.next() {
                try Record.withRecord(in: payload) { record in
                    let revision = record.header.revision
                    if record.header.kind == .declaration {
                        feeds[revision] = try record.declaration()
                    }
                    guard record.header.kind == .data, let feed = feeds[revision],
                        feed.name == "audit"
                    else { return }
                    for block in try record.blocks(of: feed) {
                        let names = feed.fields.map(\.name)
                        let entry = AuditEntry { name in
                            names.firstIndex(of: name).map { block.columns[$0].value(at: 0) }
                        }
                        if let entry { entries.append(entry) }
                    }
                }
            }
        }
        return entries
    }

    @Test("a command has two entries of one id, the first before it runs; a stop has its own")
    func commands() async throws {
        try await run { site in
            _ = try await site.client.result("a", Action.start, ["operation": "serve"])
            let begun = try await eventually("the beginning") {
                let entries = try await Self.entries(site)
                return entries.isEmpty ? nil : entries
            }
            #expect(begun.map(\.outcome) == [.started])
            #expect(begun.first?.seconds == nil)
            _ = try await site.client.result(
                "a",
                Action.stop,
                ["operation": "serve", "wait_ns": 5_000_000_000]
            )
            let entries = try await eventually("both ends") {
                let entries = try await Self.entries(site)
                return entries.count == 4 ? entries : nil
            }
            #expect(entries.map(\.action) == ["start", "stop", "start", "stop"])
            #expect(entries.map(\.outcome) == [.started, .started, .done, .done])
            #expect(entries[0].request == entries[2].request)
            #expect(entries[1].request == entries[3].request)
            #expect(entries[0].request != entries[1].request)
            #expect(entries[0].request.count == 32)
            #expect(entries.allSatisfy { $0.operation == "serve" })
            #expect(try #require(entries[2].seconds) >= #require(entries[3].seconds))
        }
    }

    // Goal: who reads the archive learns what was asked for, and no password.
    @Test("secrets are blanked, in parameters and in errors, declared or by their names")
    func secrets() async throws {
        try await run { site in
            let good: Value = ["user": "u", "password": "xyzzy", "plug": "plugh"]
            _ = try await site.client.result(
                "a",
                Action.start,
                ["operation": "login", "parameters": good, "wait_ns": 5_000_000_000]
            )
            let wrong = try await site.client.request(
                "a",
                Action.start,
                ["operation": "login", "parameters": ["user": "u", "password": "hunter2"]]
            )
            #expect(wrong.code == .parameterInvalid)
            #expect(wrong.text.contains("a secret that is not shown"))
            let entries = try await eventually("all entries") {
                let entries = try await Self.entries(site)
                return entries.count == 3 ? entries : nil
            }
            #expect(
                entries[0].parameters
                    == #"{"password":"(secret)","plug":"(secret)","user":"u"}"#
            )
            let refusal = try #require(entries.first { $0.outcome == .refused })
            #expect(refusal.parameters == #"{"password":"(secret)","user":"u"}"#)
            #expect(refusal.reason.contains("password"))
            let all = "\(entries) \(wrong.text)"
            #expect(!all.contains("hunter2") && !all.contains("plugh"))
        }
    }

    @Test("what is refused has one entry with its reason; who only looks has none")
    func refusals() async throws {
        try await run { site in
            let endpoint = try #require(
                BusEndpoint(try await site.client.instance("a").requests)
            )
            let epoch = try await site.client.instance("a").epoch
            let requester = Requester(
                bus: site.bus,
                endpoint: endpoint,
                timeSource: site.time,
                logger: site.logger
            )
            func ask(_ action: String, _ epoch: Int64, id: UInt8) async throws -> ReplyCode {
                try await requester.request(
                    action,
                    target: "a",
                    epoch: epoch,
                    arguments: ["operation": "hold"],
                    timeout: .seconds(5),
                    id: Array(repeating: id, count: 16)
                ).code
            }
            #expect(try await ask(Action.start, epoch, id: 1) == .ok)
            #expect(try await ask(Action.start, epoch, id: 1) == .ok)
            #expect(try await ask(Action.start, epoch, id: 2) == .operationBusy)
            #expect(try await ask(Action.start, epoch - 1, id: 3) == .requestStale)
            #expect(try await ask("explode", epoch, id: 4) == .actionUnknown)
            #expect(try await ask(Action.status, epoch - 1, id: 5) == .requestStale)
            #expect(try await ask(Action.status, epoch, id: 6) == .ok)
            let entries = try await eventually("all entries") {
                let entries = try await Self.entries(site)
                return entries.count == 5 ? entries : nil
            }
            let known = Dictionary(
                entries.filter { $0.outcome != .started }.map { ($0.request.prefix(2), $0) },
                uniquingKeysWith: { first, _ in first }
            )
            #expect(known["01"]?.outcome == .repeated)
            #expect(known["02"]?.outcome == .refused)
            #expect(known["02"]?.reason.contains("runs already") == true)
            #expect(known["03"]?.outcome == .expired)
            #expect(known["04"]?.reason.contains("no action `explode`") == true)
            #expect(known["05"] == nil && known["06"] == nil)
            await requester.close()
        }
    }

    @Test("shutdown completes what is under way, and the next epoch knows nothing of it")
    func shutdown() async throws {
        try await run { site in
            let epoch = try await site.client.instance("a").epoch
            _ = try await site.client.result("a", Action.start, ["operation": "serve"])
            await site.end("a")
            try await site.begin(SecretiveAgent(), "a")
            try await site.waitUntilAlive(["a"])
            let entries = try await Self.entries(site, epoch: epoch)
            #expect(entries.map(\.outcome) == [.started, .done])
            #expect(try await Self.entries(site).isEmpty)
        }
    }

    @Test("a flood of refusals is listed up to the limit, and then counted in one entry")
    func flood() {
        var book = AuditBook()
        let limit = RuntimeLimits.auditedRefusals
        let listed = (0..<limit + 40).count { book.lists(refusalAt: .milliseconds($0)) }
        #expect(listed == limit)
        #expect(book.summary(at: .seconds(59)) == nil)
        let summary = book.summary(at: .seconds(60))
        #expect(summary?.reason == "40 more requests were refused, which are not listed")
        #expect(summary?.outcome == .refused)
        #expect(book.summary(at: .seconds(200)) == nil)
        let again = book.lists(refusalAt: .seconds(200))
        #expect(again)
        #expect(book.summary(at: .seconds(201), isLast: true) == nil)
    }

    @Test("what sounds like a secret is one, at any depth")
    func names() {
        let given: Value = [
            "x": 1, "api_key": "a", "nested": ["userPassword": "b", "list": [["accessToken": 3]]],
            "monkeys": "c", "keyboard": "d", "mine": "e",
        ]
        #expect(
            given.withoutSecrets(named: ["mine"]) == [
                "x": 1, "api_key": "(secret)", "monkeys": "(secret)", "keyboard": "d",
                "nested": [
                    "userPassword": "(secret)", "list": [["accessToken": "(secret)"]],
                ], "mine": "(secret)",
            ]
        )
    }
}

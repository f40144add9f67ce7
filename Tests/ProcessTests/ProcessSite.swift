import AgentClient
import CerroTesting
import Foundation
import FoundationNetworking
import Logging
import MessageBus
import Synchronization
import Telemetry
import Testing
import ZeroMQ

@testable import CerroCommand

/// A site of real processes: `cerro up`, what it starts, and a client that asks both ways.
final class ProcessSite: Sendable {
    /// What `cerro up` and the instances it supervises are: gone when its end is there.
    let up: RunningProgram
    /// The folder of the site file; archive, spool and logs are below it.
    let folder: TemporaryFolder
    /// Asks the site over ZeroMQ.
    let client: SiteClient
    private let bus: ZeroMQBus

    /// Runs `body` with a site whose agents are an aggregator, a reader and those of `agents`
    /// (lines of YAML); then Ctrl-C's signal must end all of it with exit code 0.
    static func run(
        agents: [String],
        rotate: String = "1 s",
        _ body: (ProcessSite) async throws -> Void
    ) async throws {
        let site = try ProcessSite(agents: agents, rotate: rotate)
        do {
            try await site.untilServed()
            try await body(site)
        } catch {
            site.up.kill(SIGKILL)
            await site.close()
            Issue.record("what the site said:\n\(site.up.output)\n\(site.logs)")
            throw error
        }
        if site.up.end == nil { try await site.stop() }
        await site.close()
    }

    private init(agents: [String], rotate: String) throws {
        folder = try TemporaryFolder()
        let port = try Self.freePort()
        let entries =
            [
                "{class: Aggregator, id: aggregator, start: [record]}",
                "{class: Reader, id: reader, start: [serve]}",
            ] + agents
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: \(port)}
            archive: {directory: archive, rotate: \(rotate)}
            spool: {directory: spool, size: 64 MiB}
            reader: {listen: "127.0.0.1:0", cache: 64 MiB}
            hosts:
              here:
                address: 127.0.0.1
                ports: 0
                agents:

            """ + entries.map { "      - \($0)\n" }.joined()
        try text.write(toFile: folder.path + "/site.yaml", atomically: true, encoding: .utf8)
        bus = try ZeroMQBus()
        let registry = try #require(BusEndpoint(host: "127.0.0.1", port: port))
        client = SiteClient(
            bus: bus,
            registry: registry,
            time: SystemTimeSource(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        up = try RunningProgram(["up", "--site", folder.path + "/site.yaml"])
    }

    /// A port that nobody has, below those that the system gives to whoever asks for any.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 20_000..<30_000)
            if TakenPort(port) != nil { return port }
        }
        throw NeverFree()
    }

    private struct NeverFree: Error {}

    private func close() async {
        await client.close()
        await bus.reactor.shutdown()
    }

    /// The site file.
    var file: String { folder.path + "/site.yaml" }

    /// What the instances logged, for whoever wonders why a test fails.
    var logs: String {
        let folder = folder.path + "/logs"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().map { name in
            let text = (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
            return "\(name):\n\(text.suffix(2000))"
        }.joined(separator: "\n")
    }

    /// Stops the site as a person does, and expects that it ends well.
    func stop() async throws {
        up.kill(SIGINT)
        let end = try await up.untilEnd()
        #expect(end == .code(0), "\(up.output)")
    }

    /// The pid of an instance that is now running, as the registry knows it.
    func pid(of instance: String) async throws -> pid_t {
        pid_t(try await client.instance(instance).pid)
    }

    /// Kills an instance and waits until the supervisor has started it again.
    func killAndAwaitRestart(_ instance: String, whileDown: () throws -> Void = {}) async throws {
        let before = up.lines.count
        let victim = try #require(up.pid(of: instance))
        Foundation.kill(victim, SIGKILL)
        try await eventually("the supervisor sees the end of \(instance)") {
            up.lines.dropFirst(before).first { $0.contains("\(instance) was ended by signal 9") }
        }
        try whileDown()
        try await eventually("\(instance) is started again") {
            up.lines.dropFirst(before).first { $0.contains("\(instance) started, process") }
        }
    }

    /// Waits until HTTP answers; returns its port, which changes when the reader is restarted.
    @discardableResult
    func untilServed() async throws -> Int {
        try await eventually("HTTP of the reader") {
            let status = try await client.result("reader", Action.status, timeout: .seconds(2))
            let session = status["sessions"]?.array?.first.flatMap(Session.init)
            guard let port = session?.data["port"]?.int else { return nil }
            _ = try await get("healthz", port: Int(port))
            return Int(port)
        }
    }

    /// What HTTP answers to a path.
    func get(_ path: String, port: Int? = nil) async throws -> Value {
        let port = if let port { port } else { try await untilServed() }
        let url = try #require(URL(string: "http://127.0.0.1:\(port)/\(path)"))
        let (data, _) = try await URLSession.shared.data(from: url)
        return try Value(json: String(decoding: data, as: UTF8.self))
    }

    /// All samples of a field that are whole numbers, in order of time, as HTTP answers them.
    func numbers(_ field: String, port: Int? = nil) async throws -> [Int64] {
        let answer = try await get(Self.query(field), port: port)
        guard let values = answer["data"]?[field]?.array else { return [] }
        return values.compactMap(\.int)
    }

    /// The path that asks for all samples of a field.
    static func query(_ field: String) -> String {
        "api/v1/data?field=\(field)&start=1&end=4000000000&time=ns"
    }

    /// Waits until the archive holds so many samples of a field.
    @discardableResult
    func untilArchived(_ count: Int, of field: String) async throws -> [Int64] {
        let port = try await untilServed()
        return try await eventually("\(count) samples of \(field)") {
            let numbers = try await numbers(field, port: port)
            return numbers.count >= count ? numbers : nil
        }
    }

    /// How many messages the log of an instance accepted from its process `load`, at least.
    func accepted(by instance: String) async throws -> Int64 {
        let status = try await client.result(instance, Action.status, ["operation": "load"])
        return status["session"]?["data"]?["published"]?.int ?? 0
    }

    /// Stops the process `load`; returns how many messages the log accepted in all.
    func stopLoad(_ instance: String) async throws -> Int64 {
        let stopped = try await client.result(
            instance,
            Action.stop,
            ["operation": "load", "wait_ns": 5_000_000_000]
        )
        return try #require(stopped["session"]?["data"]?["published"]?.int)
    }
}

public import AgentClient
public import Foundation
internal import MessageBus
internal import SiteConfig
internal import Synchronization
public import Telemetry

/// A site whose host has a manager, as real processes, and a client of it.
///
/// Instances outlive their manager, and the test that fails: in the end all that the state file
/// names are stopped.
public final class ManagedSite: Sendable {
    /// Asks the site over ZeroMQ.
    public var client: SiteClient { connection.client }
    private let folder: TemporaryFolder
    private let connection: ClientConnection
    private let text: SiteText
    private let program = Mutex<RunningProgram?>(nil)

    /// Runs `body` with a manager of the host `here`, which has those agents, each a line of YAML;
    /// then the manager must end with code 0 when told to.
    ///
    /// With `others` the site has another host beside, which this machine counts as.
    public static func run(
        agents: [String],
        others: Bool = false,
        _ body: (ManagedSite) async throws -> Void
    ) async throws {
        let site = try ManagedSite(agents, hasOthers: others)
        do {
            try await site.beginManager()
            try await body(site)
            try site.manager.kill(SIGTERM)
            let end = try await site.manager.untilEnd()
            guard end == .code(0) else {
                throw ProcessSite.Failure(description: "the manager ended with \(end)")
            }
        } catch {
            let failure = ProcessSite.Failure(description: "\(error)\n\(site.said)")
            await site.close()
            throw failure
        }
        await site.close()
    }

    private init(_ agents: [String], hasOthers: Bool) throws {
        folder = try TemporaryFolder()
        text = SiteText(port: try TakenPort.free(), hasOthers: hasOthers)
        let file = folder.path + "/site.yaml"
        try text.write(agents: agents, to: file)
        let site = try Site.load(path: file, environment: [:])
        connection = try ClientConnection(to: site, environment: [:])
    }

    private func close() async {
        await connection.close()
        program.withLock { $0 }?.kill(SIGKILL)
        _ = try? await program.withLock { $0 }?.untilEnd()
        let left = (try? processes()) ?? [:]
        for process in left.values { kill(process, SIGTERM) }
        _ = try? await eventually("the end of all instances") {
            left.values.allSatisfy { kill($0, 0) != 0 } ? true : nil
        }
        for process in left.values { kill(process, SIGKILL) }
    }

    /// A file of the site.
    public func path(_ name: String) -> String { folder.path + "/" + name }

    /// What the manager remembers.
    public var stateFile: String { path("spool/host-here/instances.json") }

    /// The options of a command of this site, and those that say which host it is.
    public var siteOption: [String] { ["--site", path("site.yaml")] }
    /// As ``siteOption``, for what runs the host's instances.
    public var options: [String] { siteOption + ["--host", "here"] }

    /// Writes the site file with those agents.
    public func write(agents: [String]) throws {
        try text.write(agents: agents, to: path("site.yaml"))
    }

    /// Adds lines to a file.
    public func append(_ lines: [String], to file: String) throws {
        guard let handle = FileHandle(forWritingAtPath: file) else {
            throw ProcessSite.Failure(description: "there is no \(file)")
        }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
    }

    /// The manager that was started last.
    public var manager: RunningProgram {
        get throws {
            guard let program = program.withLock({ $0 }) else {
                throw ProcessSite.Failure(description: "no manager was started")
            }
            return program
        }
    }

    /// Starts a manager, under other words and from another file where they are given, and waits
    /// until it supervises.
    public func beginManager(
        under words: [String] = [],
        as program: String = RunningProgram.cerro
    ) async throws {
        let begun = try RunningProgram(words: words + [program, "host", "run"] + options)
        self.program.withLock { $0 = begun }
        try await eventually("the manager supervises") {
            let row = try await client.instance("host-here", timeout: .seconds(2))
            let isRunning = row.pid == Int64(begun.pid) && row.operations["supervise"] == "running"
            return isRunning ? true : nil
        }
    }

    /// Kills the manager as nothing else would, and waits until it is gone; its instances are not.
    public func killManager() async throws {
        try manager.kill(SIGKILL)
        try await manager.untilEnd()
    }

    /// The processes of the instances, as the manager remembers them.
    public func processes() throws -> [String: pid_t] {
        let text = try String(contentsOfFile: stateFile, encoding: .utf8)
        return (try Value(json: text)["instances"]?.map ?? [:])
            .compactMapValues { $0["pid"]?.int.map { pid_t($0) } }
    }

    /// Waits until the manager has processes for those instances, and they are registered.
    public func untilRunning(_ names: Set<String>) async throws {
        try await eventually("\(names) run") { () async throws -> Bool? in
            let alive = try await client.instances().filter { $0.state == .alive }
            let found = try Set(processes().keys).intersection(alive.map(\.instance))
            return names.isSubset(of: found) ? true : nil
        }
    }

    /// Waits until HTTP of the instance `reader` answers; returns its port.
    public func untilServed() async throws -> Int {
        try await eventually("HTTP of the reader") {
            let status = try await client.result("reader", Action.status, timeout: .seconds(2))
            let session = status["sessions"]?.array?.first.flatMap(Session.init)
            return session?.data["port"]?.int.map { Int($0) }
        }
    }

    /// How an instance stands, as the manager says.
    public func state(of instance: String) async throws -> Value? {
        try await client.result("host-here", "instances")["instances"]?.array?
            .first { $0["instance"]?.string == instance }
    }

    /// A fault of the manager, by its id.
    public func fault(_ id: String) async throws -> Fault? {
        let status = try await client.result("host-here", Action.status)
        return status["faults"]?.array?.compactMap(Fault.init).first { $0.id == id }
    }

    /// Runs a command of this site to its end.
    public func cerro(_ words: String...) async throws -> (code: Int32?, output: String) {
        try await cerro(words)
    }

    /// Runs a command of this site to its end.
    public func cerro(_ words: [String]) async throws -> (code: Int32?, output: String) {
        try await RunningProgram.run(words + siteOption)
    }

    /// What the programs printed, for whoever wonders why a test fails.
    private var said: String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path("logs"))) ?? []
        let logs = names.sorted().map { name in
            let text = (try? String(contentsOfFile: path("logs/" + name), encoding: .utf8)) ?? ""
            return "\(name):\n\(text.suffix(2000))"
        }
        return (["manager:", program.withLock { $0 }?.output ?? ""] + logs).joined(separator: "\n")
    }
}

/// What a site file says beside its agents.
private struct SiteText {
    let port: Int
    let hasOthers: Bool

    func write(agents: [String], to file: String) throws {
        let machine = ProcessInfo.processInfo.hostName.prefix { $0 != "." }
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: \(port)}
            spool: {directory: spool, size: 64 MiB}
            reader: {listen: "127.0.0.1:0", cache: 64 MiB}
            archive: {directory: archive, rotate: 1 s, reserve: 0 B}
            hosts:
              here: {address: 127.0.0.1, ports: 0, agents: [\(agents.joined(separator: ", "))]}
              \(hasOthers ? "\(machine): {address: 127.0.0.2, bind: 127.0.0.1, ports: 0}" : "")
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }
}

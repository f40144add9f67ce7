public import AgentClient
internal import Foundation
internal import MessageBus
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// A site of real processes, and a client that asks it both ways: over ZeroMQ and over HTTP.
///
/// Its instances are either supervised, by one `cerro up`, or apart: each a process that the test
/// starts and ends by itself, under whatever program it likes.
public final class ProcessSite: Sendable {
    /// What the site file says.
    public struct Plan: Sendable {
        /// The agents beside the aggregator and the reader, each a line of YAML.
        public var agents: [String]
        /// How long a journal segment lasts.
        public var rotate = "1 s"
        /// How many bytes of the archive's disk stay free; the disk of a test may be small.
        public var reserve = "0 B"
        /// Whether days that are over are compacted.
        public var compacts = false
        /// The size of a spool.
        public var spool = "64 MiB"
        /// Agents of a second host, which bind to 127.0.0.1 and are told to others as 127.0.0.2.
        public var remote: [String] = []
        /// The ports of the second host.
        public var remotePorts = 0...0
        /// The port of the registry; nil takes a free one.
        public var registryPort: Int?

        fileprivate var remoteHost: String {
            guard !remote.isEmpty else { return "" }
            return """
                  there:
                    address: 127.0.0.2
                    bind: 127.0.0.1
                    ports: \(remotePorts.lowerBound)-\(remotePorts.upperBound)
                    agents: [\(remote.joined(separator: ", "))]
                """
        }

        /// The plan of a site with those agents.
        public init(_ agents: [String]) {
            self.agents = agents
        }
    }

    /// A site failed; what it printed is for whoever wonders why.
    public struct Failure: Error, CustomStringConvertible {
        /// Why, and what the site printed.
        public let description: String
    }

    /// The folder of the site file; archive, spool and logs are below it.
    public let folder: TemporaryFolder
    /// Asks the site over ZeroMQ.
    public var client: SiteClient { connection.client }
    /// The port of the registry.
    public let registryPort: Int
    /// The instances of the site, the registry first.
    public let instances: [String]
    private let connection: ClientConnection
    private let programs = Mutex<[String: RunningProgram]>([:])
    private let past = Mutex<[String]>([])

    /// What the supervised form runs under.
    private static let supervisor = "up"

    /// Runs `body` with a supervised site; then Ctrl-C's signal must end all of it with code 0.
    public static func run(
        agents: [String],
        rotate: String = "1 s",
        _ body: (ProcessSite) async throws -> Void
    ) async throws {
        var plan = Plan(agents)
        plan.rotate = rotate
        let whole = { (site: ProcessSite) in
            // The reader may be there before the agents that begin behind it.
            try await eventually("all instances are alive") {
                try await site.client.instances().allSatisfy { $0.state == .alive } ? true : nil
            }
            try await body(site)
        }
        try await run(plan, whole) {
            try $0.start(supervisor, ["up", "--host", "here", "--site", $0.file])
        }
    }

    /// Runs `body` with a site whose instances are processes apart; then all that still run must
    /// end with code 0 when told to.
    ///
    /// With `disks` the site is in their folder, and its instances are where the disks are.
    /// `under` gives the words of programs that instances are run under.
    public static func runApart(
        _ plan: Plan,
        on disks: SmallDisks? = nil,
        under: [String: [String]] = [:],
        _ body: (ProcessSite) async throws -> Void
    ) async throws {
        try await run(plan, on: disks, body) { site in
            for name in site.instances {
                try site.begin(name, under: disks?.entering ?? under[name] ?? [])
            }
        }
    }

    private static func run(
        _ plan: Plan,
        on disks: SmallDisks? = nil,
        _ body: (ProcessSite) async throws -> Void,
        starting: (ProcessSite) throws -> Void
    ) async throws {
        let site = try ProcessSite(plan, disks?.folder)
        do {
            try starting(site)
            try await site.untilServed()
            try await body(site)
            try await site.stop()
        } catch {
            let failure = Failure(description: "\(error)\nwhat the site said:\n\(site.said)")
            for program in site.programs.withLock({ Array($0.values) }) {
                program.killGroup(SIGKILL)
            }
            await site.close()
            throw failure
        }
        await site.close()
    }

    private init(_ plan: Plan, _ folder: TemporaryFolder?) throws {
        if let folder { self.folder = folder } else { self.folder = try TemporaryFolder() }
        registryPort = try plan.registryPort ?? TakenPort.free()
        let entries =
            [
                "{class: Aggregator, id: aggregator, start: [record]}",
                "{class: Reader, id: reader, start: [serve]}",
            ] + plan.agents
        instances =
            ["registry"]
            + (entries + plan.remote).compactMap { entry in
                entry.split(separator: "id: ").last?.prefix { !",}".contains($0) }
            }.map(String.init)
        let archive =
            "directory: archive, rotate: \(plan.rotate), reserve: \(plan.reserve), "
            + "compact: \(plan.compacts ? "day" : "off")"
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: \(registryPort)}
            archive: {\(archive)}
            spool: {directory: spool, size: \(plan.spool)}
            reader: {listen: "127.0.0.1:0", cache: 64 MiB}
            hosts:
              here:
                address: 127.0.0.1
                ports: 0
                agents: [\(entries.joined(separator: ", "))]
            \(plan.remoteHost)
            """
        try text.write(toFile: self.folder.path + "/site.yaml", atomically: true, encoding: .utf8)
        let site = try Site.load(path: self.folder.path + "/site.yaml", environment: [:])
        connection = try ClientConnection(to: site, environment: [:])
    }

    private func close() async { await connection.close() }

    /// The site file.
    public var file: String { folder.path + "/site.yaml" }

    /// What `cerro up` and the instances it supervises are: gone when its end is there.
    public var up: RunningProgram {
        get throws { try program(Self.supervisor) }
    }

    /// The program that an instance apart runs in.
    public func program(_ name: String) throws -> RunningProgram {
        guard let program = programs.withLock({ $0[name] }) else {
            throw Failure(description: "\(name) was never started")
        }
        return program
    }

    /// Starts an instance apart, under another program if that is given.
    @discardableResult
    public func begin(_ instance: String, under: [String] = []) throws -> RunningProgram {
        let run = ["agent", "run", instance, "--site", file, "--until-stdin-closes"]
        guard !under.isEmpty else { return try start(instance, run) }
        return try start(instance, under + [RunningProgram.cerro] + run, isCerro: false)
    }

    @discardableResult
    private func start(
        _ name: String,
        _ words: [String],
        isCerro: Bool = true
    ) throws -> RunningProgram {
        let program =
            isCerro ? try RunningProgram(words) : try RunningProgram(words: words)
        let former = programs.withLock { programs in
            defer { programs[name] = program }
            return programs[name]
        }
        if let former {
            past.withLock { $0 = ($0 + ["\(name), which ended:\n\(former.output)"]).suffix(20) }
        }
        return program
    }

    /// What the programs and instances printed, for whoever wonders why a test fails.
    private var said: String {
        let folder = folder.path + "/logs"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let logs = names.sorted().map { name in
            let text = (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
            return "\(name):\n\(text.suffix(2000))"
        }
        let printed = programs.withLock { $0 }.sorted { $0.key < $1.key }.map {
            "\($0.key):\n\($0.value.output.suffix(4000))"
        }
        return (past.withLock { $0 } + printed + logs).joined(separator: "\n")
    }

    /// Stops what still runs as a person does, and expects that it ends well.
    ///
    /// - Throws: ``Failure`` if something ends otherwise.
    private func stop() async throws {
        // The registry last, so that all others can say good-bye.
        let running = programs.withLock { $0 }.filter { $0.value.end == nil }
            .sorted { $0.key == "registry" ? false : $1.key == "registry" || $0.key < $1.key }
        for (name, program) in running {
            program.kill(name == Self.supervisor ? SIGINT : SIGTERM)
            let end = try await program.untilEnd()
            if end != .code(0) { throw Failure(description: "\(name) ended with \(end)") }
        }
    }
}

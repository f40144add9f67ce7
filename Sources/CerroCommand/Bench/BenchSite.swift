internal import AgentClient
internal import Foundation
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// A site of real processes in a temporary folder, for one run of a benchmark.
struct BenchSite: Sendable {
    /// The folder of the run; it goes when the run is over.
    let folder: String
    /// The way to the registry and the instances.
    let client: SiteClient
    /// The process of each instance.
    let processes: [String: pid_t]

    /// Starts `agents` (an entry of a site file each, by id), runs `body` and stops all of them.
    ///
    /// The temporary folder is made below `parent`, nil for the system's place.
    static func with<Result: Sendable>(
        agents: [(id: String, entry: String)],
        below parent: String? = nil,
        _ body: (BenchSite) async throws -> Result
    ) async throws -> Result {
        let above = parent.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory
        let folder = above.appending(path: "cerro-bench-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/site.yaml"
            let text = try text(agents: agents.map(\.entry))
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let site = try Site.load(
                path: file,
                environment: [:],
                check: AgentClasses.check
            )
            return try await run([UpPlan.registryID] + agents.map(\.id), site, file, folder, body)
        } catch let error as SiteError {
            throw CommandFailure(.failed, "the site of the benchmark is wrong: \(error)")
        }
    }

    private static func run<Result: Sendable>(
        _ names: [String],
        _ site: Site,
        _ file: String,
        _ folder: String,
        _ body: (BenchSite) async throws -> Result
    ) async throws -> Result {
        try LogFolder.create(for: site)
        let lifeline = try Spawn.Channel()
        defer { withExtendedLifetime(lifeline) {} }
        var children: [(name: String, child: ChildProcess)] = []
        let outcome: Swift.Result<Result, any Error>
        do {
            for name in names {
                let program = ChildProcess.Program(
                    executable: UpPlan.ownExecutable(),
                    arguments: [
                        "agent", "run", name, "--site", file, "--until-stdin-closes",
                    ],
                    log: LogFolder.file(of: name, at: site)
                )
                children.append(
                    (name, try ChildProcess(program, lifeline: lifeline.reading))
                )
            }
            let processes = Dictionary(
                children.map { ($0.name, $0.child.pid) },
                uniquingKeysWith: { first, _ in first }
            )
            let result = try await SiteConnection.with(site) { client in
                try await waitUntilAlive(names, client, children)
                return try await body(
                    BenchSite(folder: folder, client: client, processes: processes)
                )
            }
            outcome = .success(result)
        } catch { outcome = .failure(error) }
        // In the order of the data: whoever feeds another one ends before it.
        for (_, child) in children.reversed() { child.stop() }
        for (_, child) in children { _ = await child.end() }
        return try outcome.get()
    }

    /// Waits until the registry's table shows all of them.
    private static func waitUntilAlive(
        _ names: [String],
        _ client: SiteClient,
        _ children: [(name: String, child: ChildProcess)]
    ) async throws {
        let time = SystemTimeSource()
        let deadline = time.monotonic + Limits.benchStart
        while true {
            // The registry may not listen yet: then it is asked again.
            let rows = (try? await client.instances(timeout: .seconds(1))) ?? []
            let alive = Set(rows.filter { $0.state == .alive }.map(\.instance))
            if alive.isSuperset(of: names.filter { $0 != UpPlan.registryID }) { return }
            guard time.monotonic < deadline else {
                let missing = children.filter { !alive.contains($0.name) }
                throw CommandFailure(
                    .failed,
                    "not all instances of the benchmark came up: "
                        + missing.map { "\($0.name) (\($0.child.lastLine))" }
                        .joined(separator: ", ")
                )
            }
            try await time.sleep(for: .milliseconds(50))
        }
    }

    private static func text(agents: [String]) throws -> String {
        """
        site: bench
        registry: {address: 127.0.0.1, port: \(try FreePort.find())}
        archive: {directory: archive, rotate: 24 h, max-size: 64 GiB}
        spool: {directory: spool, size: 64 GiB}
        hosts:
          here:
            address: 127.0.0.1
            ports: 0
            agents:

        """ + agents.map { "      - \($0)\n" }.joined()
    }
}

/// A port that nobody listens on.
private enum FreePort {
    /// Asks the kernel for one; somebody else may take it before it is used, and the run fails.
    static func find() throws(CommandFailure) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                bind(descriptor, general, length) == 0
                    && getsockname(descriptor, general, &length) == 0
            }
        }
        guard status else {
            throw CommandFailure(.failed, "no port is free: \(String(cString: strerror(errno)))")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

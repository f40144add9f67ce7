internal import Access
internal import AgentClient
internal import Foundation
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// A site of real processes in a temporary folder, for one run of a benchmark.
final class BenchSite: Sendable {
    /// What a run needs to be different from others.
    struct Settings: Sendable {
        /// The instances: an entry of a site file each, by id.
        var agents: [(id: String, entry: String)]
        /// The folder above the temporary one, nil for the system's place.
        var parent: String?
        /// The archive's folder; it is below that of the run unless it is named.
        var archive = "archive"
        /// When segments of the journal end.
        var rotate = "24 h"
        /// The most bytes of each log.
        var spool = "64 GiB"
        /// Whether its sockets have keys.
        var hasKeys = false
    }

    /// The folder of the run; it goes when the run is over.
    let folder: String
    /// The way to the registry and the instances.
    let client: SiteClient
    private let site: Site
    /// The site file.
    let file: String
    private let lifeline: Spawn.Channel
    private let children = Mutex<[String: ChildProcess]>([:])

    private init(_ site: Site, file: String, folder: String, client: SiteClient) throws {
        self.site = site
        self.file = file
        self.folder = folder
        self.client = client
        lifeline = try Spawn.Channel()
    }

    /// The process of each instance.
    var processes: [String: pid_t] { children.withLock { $0.mapValues(\.pid) } }

    /// What each process has used so far.
    var usages: [String: ProcessUsage] {
        processes.compactMapValues { ProcessUsage(of: $0) }
    }

    /// Starts the agents of `settings`, runs `body` and stops all of them.
    static func with<Result: Sendable>(
        _ settings: Settings,
        _ body: (BenchSite) async throws -> Result
    ) async throws -> Result {
        let above =
            settings.parent.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory
        let folder = above.appending(path: "cerro-bench-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/site.yaml"
            let text = try text(settings)
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let site = try Site.load(
                path: file,
                environment: [:],
                check: AgentClasses.check
            )
            try LogFolder.create(forFile: LogFolder.file(of: Site.registryID, at: site))
            if let keys = site.keys { _ = try KeyPlan(site).carryOut(in: KeyFolder(keys)) }
            let names = [Site.registryID] + settings.agents.map(\.id)
            return try await SiteConnection.with(site) { client in
                let bench = try BenchSite(site, file: file, folder: folder, client: client)
                return try await bench.run(names, body)
            }
        } catch let error as SiteError {
            throw CommandFailure(.failed, "the site of the benchmark is wrong: \(error)")
        }
    }

    private func run<Result: Sendable>(
        _ names: [String],
        _ body: (BenchSite) async throws -> Result
    ) async throws -> Result {
        let outcome: Swift.Result<Result, any Error>
        do {
            for name in names { try start(name) }
            try await waitUntilAlive(names)
            outcome = .success(try await body(self))
        } catch { outcome = .failure(error) }
        let running = children.withLock { $0 }
        // In the order of the data: whoever feeds another one ends before it.
        for name in names.reversed() { running[name]?.stop() }
        for (_, child) in running { _ = await child.end() }
        return try outcome.get()
    }

    /// Starts the process of an instance that has none.
    func start(_ name: String) throws {
        let program = ChildProcess.Program(
            executable: HostPlan.ownExecutable(),
            arguments: ["agent", "run", name, "--site", file, "--until-stdin-closes"],
            log: LogFolder.file(of: name, at: site)
        )
        let child = try ChildProcess(program, lifeline: lifeline.reading)
        children.withLock { $0[name] = child }
    }

    /// Ends the process of an instance as a power switch does, and waits until it is gone.
    func kill(_ name: String) async {
        guard let child = children.withLock({ $0.removeValue(forKey: name) }) else { return }
        Foundation.kill(child.pid, SIGKILL)
        _ = await child.end()
    }

    /// Runs this program to its end, which has to go well.
    func runProgram(_ arguments: [String]) async throws {
        let program = ChildProcess.Program(
            executable: HostPlan.ownExecutable(),
            arguments: arguments,
            log: folder + "/program.log"
        )
        let child = try ChildProcess(program, lifeline: lifeline.reading)
        guard case .code(0) = await child.end() else {
            throw CommandFailure(.failed, "cerro \(arguments[0]): \(child.lastLines(1).joined())")
        }
    }

    /// Sends a signal to the process of an instance.
    func signal(_ name: String, _ number: Int32) {
        guard let child = children.withLock({ $0[name] }) else { return }
        Foundation.kill(child.pid, number)
    }

    /// Waits until the registry's table shows all of them.
    func waitUntilAlive(_ names: [String]) async throws {
        let time = SystemTimeSource()
        let deadline = time.monotonic + Limits.benchStart
        while true {
            // The registry may not listen yet: then it is asked again.
            let rows = (try? await client.instances(timeout: .seconds(1))) ?? []
            let alive = Set(rows.filter { $0.state == .alive }.map(\.instance))
            if alive.isSuperset(of: names.filter { $0 != Site.registryID }) { return }
            guard time.monotonic < deadline else {
                let missing = children.withLock { $0 }.filter { !alive.contains($0.key) }
                throw CommandFailure(
                    .failed,
                    "not all instances of the benchmark came up: "
                        + missing.map { "\($0.key) (\($0.value.lastLines(1).joined()))" }
                        .joined(separator: ", ")
                )
            }
            try await time.sleep(for: .milliseconds(50))
        }
    }

    private static func text(_ settings: Settings) throws -> String {
        """
        site: bench
        registry: {address: 127.0.0.1, port: \(try FreePort.find())}
        \(settings.hasKeys ? "keys: keys/" : "")
        archive: {directory: "\(settings.archive)", rotate: \(settings.rotate), max-size: 64 GiB}
        spool: {directory: spool, size: \(settings.spool)}
        hosts:
          here:
            address: 127.0.0.1
            ports: 0
            agents:

        """ + settings.agents.map { "      - \($0.entry)\n" }.joined()
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

import CerroTesting
import Foundation
import Telemetry

/// A site with keys on three hosts, commanded from a fourth, none of it as root.
///
/// Registry, archive and reader are on `hub`, the sources on `dome` and `cryo`, and people on
/// `desk`. Each host has a folder of its own with the site file and only the secrets that it needs,
/// as somebody who sets a site up copies them.
final class ThreeHosts {
    static let sources = ["dome": ["dome-1", "dome-2"], "cryo": ["cryo-1", "cryo-2"]]
    static let hosts = ["hub", "dome", "cryo"]

    let folder: TemporaryFolder
    let network: HostNetwork
    private var managers: [String: RunningProgram] = [:]
    private var past: [String] = []

    private static let secrets = [
        "hub": ["registry", "aggregator", "reader", "host-hub"],
        "dome": (sources["dome"] ?? []) + ["host-dome"],
        "cryo": (sources["cryo"] ?? []) + ["host-cryo"],
        "desk": ["operator"],
    ]

    /// Makes the hosts and their folders.
    init() async throws {
        folder = try TemporaryFolder()
        network = try await HostNetwork(Self.hosts + ["desk"])
        let first = folder.path + "/first"
        try FileManager.default.createDirectory(atPath: first, withIntermediateDirectories: true)
        try text().write(toFile: first + "/site.yaml", atomically: true, encoding: .utf8)
        let made = try await RunningProgram.run(["keys", "init", "--site", first + "/site.yaml"])
        guard made.code == 0 else { throw NeverHappened(description: made.output) }
        for (host, names) in Self.secrets {
            let keys = path(of: host) + "/keys"
            try FileManager.default.createDirectory(atPath: keys, withIntermediateDirectories: true)
            let files =
                ["site.yaml", "keys/access.yaml", "keys/registry.key"]
                + names.map { "keys/\($0).secret" }
            for file in files {
                let copy = path(of: host) + "/" + file
                try FileManager.default.copyItem(atPath: first + "/" + file, toPath: copy)
                Nobody.own(copy)
            }
            for path in [path(of: host), keys] {
                Nobody.own(path)
                chmod(path, 0o700)
            }
        }
    }

    /// Instances survive their managers, so what a test that failed has left is ended here.
    deinit {
        for host in Self.hosts {
            let file = path(of: host) + "/spool/host-\(host)/instances.json"
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
            for match in text.matches(of: /"pid":\s*(\d+)/) {
                if let pid = pid_t(match.1) { kill(pid, SIGKILL) }
            }
        }
    }

    private func path(of host: String) -> String { folder.path + "/" + host }

    /// The text of the site file.
    private func text() throws -> String {
        let agents = Self.sources.mapValues { names in
            names.map { FaultDriver.source($0, rate: 50) }.joined(separator: ", ")
        }
        return """
            site: test
            registry: {address: \(try network.host("hub").address), port: 5555}
            keys: keys/
            archive: {directory: archive, rotate: 2 s, reserve: 0 B}
            spool: {directory: spool, size: 64 MiB}
            reader: {listen: "127.0.0.1:0", cache: 64 MiB}
            hosts:
              hub:
                address: \(try network.host("hub").address)
                ports: 5560-5580
                agents:
                  - {class: Aggregator, id: aggregator, start: [record]}
                  - {class: Reader, id: reader, start: [serve]}
              dome:
                address: \(try network.host("dome").address)
                ports: 5560-5580
                agents: [\(agents["dome"] ?? "")]
              cryo:
                address: \(try network.host("cryo").address)
                ports: 5560-5580
                agents: [\(agents["cryo"] ?? "")]
            """
    }

    /// Starts the manager of a host, under another program if that is given.
    func start(_ host: String, under: [String] = []) throws {
        if let former = managers[host] { past.append("\(host), before:\n\(former.output)") }
        managers[host] = try RunningProgram(
            words: network.host(host).entering + Nobody.words + under + [
                RunningProgram.cerro, "host", "run", "--host", host, "--site",
                path(of: host) + "/site.yaml",
            ]
        )
    }

    /// The manager of a host.
    func manager(of host: String) throws -> RunningProgram {
        guard let program = managers[host] else {
            throw NeverHappened(description: "\(host) was never started")
        }
        return program
    }

    /// Stops all instances from the desk, those of the hub last, and then the managers.
    func stop() async throws {
        for host in Self.hosts.reversed() {
            let stopped = try await run(["host", "stop", "--all", "--host", host])
            guard stopped.code == 0 else { throw NeverHappened(description: stopped.output) }
        }
        for host in Self.hosts {
            let program = try manager(of: host)
            program.kill(SIGTERM)
            let end = try await program.untilEnd()
            guard end == .code(0) else {
                throw NeverHappened(description: "\(host) ended with \(end):\n\(program.output)")
            }
        }
    }

    /// The process of each instance, as `cerro host list` tells it.
    func processes() async throws -> [String: Int64] {
        let shown = try await run(["host", "list", "--json"])
        guard let line = shown.output.split(separator: "\n").first(where: { $0.hasPrefix("[") })
        else { throw NeverHappened(description: shown.output) }
        let hosts = try Value(json: String(line)).array ?? []
        let rows = hosts.flatMap { $0["instances"]?.array ?? [] }
        return Dictionary(
            rows.compactMap { row in
                row["instance"]?.string.flatMap { name in row["process"]?.int.map { (name, $0) } }
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Runs a command of `cerro` at the desk, with the operator's key.
    func run(_ words: [String]) async throws -> (code: Int32?, output: String) {
        try await RunningProgram.run(
            words + ["--site", path(of: "desk") + "/site.yaml"],
            under: network.host("desk").entering + Nobody.words + ["env", "CERRO_KEY=operator"]
        )
    }

    /// What `cerro status --json` says of each instance: its state.
    func states() async throws -> [String: String] {
        // Ends with 1 while somebody is silent.
        let shown = try await run(["status", "--json"])
        guard let line = shown.output.split(separator: "\n").first(where: { $0.hasPrefix("[") })
        else { throw NeverHappened(description: shown.output) }
        let rows = try Value(json: String(line)).array ?? []
        return Dictionary(
            rows.compactMap { row in
                row["instance"]?.string.flatMap { name in
                    row["state"]?.string.map { (name, $0) }
                }
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Waits until the instances of these hosts are in that state, as the desk sees it.
    func until(_ state: String, _ hosts: [String]) async throws {
        let names = hosts.flatMap { Self.sources[$0] ?? ["registry", "aggregator", "reader"] }
        try await eventually("\(names.joined(separator: ", ")) are \(state)\n\(said)") {
            let states = try await states()
            return names.allSatisfy { states[$0] == state } ? true : nil
        }
    }

    /// How many samples the load of a source has published.
    func published(by source: String) async throws -> Int64 {
        let status = try await run(["call", source, "load", "status", "--json"])
        let count = status.output.firstMatch(of: /"published": ?(\d+)/).flatMap { Int64($0.1) }
        guard status.code == 0, let count else { throw NeverHappened(description: status.output) }
        return count
    }

    /// The numbers of a source's samples that the reader gives to the desk, in order.
    func numbers(of source: String) async throws -> [Int64] {
        // Clocks may be ahead.
        let later = SystemTimeSource().now.nanoseconds / 1_000_000_000 + 3600
        let got = try await run([
            "get", FaultDriver.field(of: source), "--start", "-1h", "--end", "\(later)",
            "--format", "csv",
        ])
        guard got.code == 0 else { throw NeverHappened(description: got.output) }
        return got.output.split(separator: "\n").compactMap { line in
            line.split(separator: ",").last.flatMap { Int64($0) }
        }
    }

    /// What the hosts printed, for whoever wonders why a test fails.
    var said: String {
        (past + managers.sorted { $0.key < $1.key }.map { "\($0.key):\n\($0.value.output)" })
            .joined(separator: "\n")
    }
}

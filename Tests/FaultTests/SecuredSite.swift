import Access
import AgentClient
import CerroTesting
import Foundation
import Logging
import MessageBus
import Telemetry
import ZeroMQ

/// A site with keys whose processes live in two network namespaces, none of them as root.
///
/// The registry and the first source are at the near end of a cable, the second source at the far
/// one.
final class SecuredSite {
    let folder: TemporaryFolder
    let network: OtherNetwork
    let port: Int
    let keys: KeyFolder
    private var programs: [String: RunningProgram] = [:]

    private let near = ["registry", "near-1", "aggregator", "reader"]
    private let far = ["far-1"]

    init() async throws {
        folder = try TemporaryFolder()
        network = try await OtherNetwork()
        port = try TakenPort.free()
        keys = KeyFolder(folder.path + "/keys")
        try siteText(keys: "keys: keys/").write(
            toFile: file,
            atomically: true,
            encoding: .utf8
        )
        Nobody.own(folder.path)
        let made = try await run(["keys", "init"])
        guard made.code == 0 else { throw NeverHappened(description: made.output) }
    }

    /// The site file.
    var file: String { folder.path + "/site.yaml" }

    /// The text of the site file, with another line about keys.
    func siteText(keys: String) -> String {
        """
        site: test
        registry: {address: \(network.near), port: \(port)}
        \(keys)
        archive: {directory: archive, rotate: 1 s, reserve: 0 B}
        spool: {directory: spool, size: 64 MiB}
        reader: {listen: "127.0.0.1:0", cache: 64 MiB}
        hosts:
          here:
            address: \(network.near)
            ports: 0
            agents:
              - {class: Aggregator, id: aggregator, start: [record]}
              - {class: Reader, id: reader, start: [serve]}
              - \(FaultDriver.source("near-1"))
          there:
            address: \(network.far)
            ports: 0
            agents: [\(FaultDriver.source("far-1"))]
        """
    }

    /// Starts all processes.
    func start() throws {
        for name in near { try begin(name, entering: []) }
        for name in far { try begin(name, entering: network.entering) }
    }

    func begin(_ name: String, entering: [String]) throws {
        programs[name] = try RunningProgram(
            words: entering + Nobody.words + [
                RunningProgram.cerro, "agent", "run", name, "--site", file, "--until-stdin-closes",
            ]
        )
    }

    /// Runs a command of `cerro` at the far end, as nobody, with the key of `name`.
    func run(
        _ words: [String],
        as name: String? = nil,
        site: String? = nil
    ) async throws -> (code: Int32?, output: String) {
        let key = name.map { ["CERRO_KEY=\($0)"] } ?? []
        return try await RunningProgram.run(
            words + ["--site", site ?? file],
            under: network.entering + Nobody.words + ["env"] + key
        )
    }

    /// A client at the near end that has the key pair.
    func client(_ pair: KeyPair) throws -> (client: SiteClient, bus: ZeroMQBus) {
        let time = SystemTimeSource()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let bus = try ZeroMQBus(
            keys: BusKeys(own: pair, logger: logger, time: time) { _ in false }
        )
        let registry = try registry()
        return (SiteClient(bus: bus, registry: registry, time: time, logger: logger), bus)
    }

    /// Where the registry answers.
    func registry() throws -> BusEndpoint {
        let key = try keys.registryKey()
        guard let endpoint = BusEndpoint(host: network.near, port: port, key: key) else {
            throw NeverHappened(description: "port \(port) makes no endpoint")
        }
        return endpoint
    }

    /// What an instance has printed.
    func said(by name: String) -> String { programs[name]?.output ?? "" }

    /// Ends all processes, which has to go well.
    func stop() async throws {
        for (name, program) in programs.sorted(by: { $1.key == "registry" || $0.key < $1.key }) {
            program.kill(SIGTERM)
            let end = try await program.untilEnd()
            guard end == .code(0) else {
                throw NeverHappened(description: "\(name) ended with \(end):\n\(program.output)")
            }
        }
    }
}

/// All that passes a network device, as tcpdump(8) writes it.
final class Capture {
    private let file: String
    private let program: RunningProgram

    init(of device: String, in folder: TemporaryFolder) async throws {
        let file = folder.path + "/capture"
        let program = try RunningProgram(
            words: ["tcpdump", "-i", device, "--immediate-mode", "-U", "-Z", "root", "-w", file]
        )
        self.file = file
        self.program = program
        try await eventually("the capture has begun; said:\n\(program.output)") {
            program.output.contains("listening on") ? true : nil
        }
    }

    /// Ends the capture, and returns its bytes.
    func end() async throws -> Data {
        program.kill(SIGINT)
        try await program.untilEnd()
        return try Data(contentsOf: URL(filePath: file))
    }
}

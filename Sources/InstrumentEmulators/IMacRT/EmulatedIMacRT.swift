internal import Synchronization
public import Telemetry

/// An iMACRT set, MMR3 thermometer and MGC3 regulator, on two UDP ports.
///
/// Real modules listen on 12000 + the last octet of their address and answer to port 12000 of the
/// sender's machine; here each answers to the port that it was asked from, so that several may
/// live on one machine. See `Emulator` for starting, stopping and faults.
public final class EmulatedIMacRT: Emulator {
    private struct Models {
        var mmr3: IMacRTModel, mgc3: IMacRTModel
    }

    private let models: Mutex<Models>
    private let servers: Mutex<[EmulatedDatagrams]> = Mutex([])
    private let ports: (mmr3: Int, mgc3: Int)
    private let time: any TimeSource

    /// Modules that are not started; the cryostat follows `time`.
    public init(
        mmr3Port: Int = 0,
        mgc3Port: Int = 0,
        time: any TimeSource = SystemTimeSource(),
        seed: UInt64 = 3
    ) {
        ports = (mmr3Port, mgc3Port)
        self.time = time
        models = Mutex(
            Models(
                mmr3: IMacRTModel(.mmr3, at: time.monotonic, seed: seed),
                mgc3: IMacRTModel(.mgc3, at: time.monotonic, seed: seed &+ 1)
            )
        )
    }

    /// Opens both ports; the modules are `mmr3` and `mgc3`.
    public func start() async throws -> [EmulatedModule] {
        var modules: [EmulatedModule] = []
        for (name, port) in [("mmr3", ports.mmr3), ("mgc3", ports.mgc3)] {
            // The server holds the instrument until `stop`, so that nobody else has to.
            let server = DatagramServer(port: port) { text in self.answer(text, of: name) }
            modules.append(EmulatedModule(name: name, port: try await server.start()))
            servers.withLock { $0.append(EmulatedDatagrams(module: name, server: server)) }
        }
        return modules
    }

    /// Closes the sockets.
    public func stop() async {
        let open = servers.withLock { servers in
            defer { servers = [] }
            return servers
        }
        for entry in open { await entry.server.stop() }
    }

    /// Makes both modules fail.
    public func setFault(_ fault: EmulatedFault) {
        setFault(fault, of: "mmr3")
        setFault(fault, of: "mgc3")
    }

    /// Makes one module fail, `mmr3` or `mgc3`.
    public func setFault(_ fault: EmulatedFault, of module: String) {
        if fault == .reset {
            models.withLock { module == "mmr3" ? $0.mmr3.restart() : $0.mgc3.restart() }
        }
        for entry in servers.withLock({ $0 }) where entry.module == module {
            entry.server.fault = fault
        }
    }

    /// What `module` answers to one datagram if it works; nil for commands.
    public func answer(_ text: String, of module: String) -> String? {
        let entry = servers.withLock { $0.first { $0.module == module } }
        if entry?.server.fault == .wrong, text.hasPrefix("*IDN") {
            return module == "mmr3" ? "MGC3 1.17" : "MMR3 1.17"
        }
        return models.withLock {
            module == "mmr3"
                ? $0.mmr3.answer(text, at: time.monotonic)
                : $0.mgc3.answer(text, at: time.monotonic)
        }
    }
}

/// The socket of one module.
private struct EmulatedDatagrams: Sendable {
    let module: String
    let server: DatagramServer
}

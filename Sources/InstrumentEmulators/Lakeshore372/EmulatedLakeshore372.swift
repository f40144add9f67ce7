internal import Synchronization
public import Telemetry

/// A Lake Shore 372 on a TCP port: `\r\n` lines, one client, no reply to commands.
///
/// See `Emulator` for starting, stopping and faults.
public final class EmulatedLakeshore372: Emulator {
    private let model: Mutex<Lakeshore372Model>
    private let server: Mutex<LineServer?> = Mutex(nil)
    private let port: Int
    private let time: any TimeSource

    /// A bridge that is not started; the scanner and the cryostat follow `time`.
    public init(
        port: Int = 0,
        time: any TimeSource = SystemTimeSource(),
        seed: UInt64 = 372
    ) {
        model = Mutex(Lakeshore372Model(at: time.monotonic, seed: seed))
        self.port = port
        self.time = time
    }

    /// Opens the port; the module is `lakeshore372`.
    public func start() async throws -> [EmulatedModule] {
        // The server holds the instrument until `stop`, so that nobody else has to.
        let server = LineServer(port: port) { line in self.answer(line) }
        self.server.withLock { $0 = server }
        return [EmulatedModule(name: "lakeshore372", port: try await server.start())]
    }

    /// Closes the sockets.
    public func stop() async {
        let server = server.withLock { server in
            defer { server = nil }
            return server
        }
        await server?.stop()
    }

    /// Makes the instrument fail.
    public func setFault(_ fault: EmulatedFault) {
        server.withLock { $0 }?.fault = fault
    }

    /// What the instrument answers to one line if it works; nil for commands.
    public func answer(_ line: String) -> String? {
        let isWrong = server.withLock { $0 }?.fault == .wrong
        if isWrong, line.hasPrefix("*IDN?") { return "LSCI,MODEL336,LSA2336,2.9" }
        return model.withLock { $0.answer(line, at: time.monotonic) }
    }
}

internal import ArgumentParser
internal import InstrumentEmulators
internal import Telemetry

/// `cerro emulate`: an instrument that isn't there, speaking its real protocol on real sockets.
struct EmulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emulate",
        abstract: "Plays an instrument on this machine until Ctrl-C, faults included.",
        discussion: """
            The first line of the answer says where it listens. The instruments: \
            \(Emulation.all.values.sorted { $0.name < $1.name }
                .map { "\($0.name), \($0.summary)" }.joined(separator: "; ")).
            """
    )

    @Argument(
        help: "The instrument.",
        completion: .list(Emulation.all.keys.sorted())
    )
    var instrument: String

    @Option(help: "The first port; 0 takes any free one.")
    var port: Int?

    @Option(
        help: ArgumentHelp(
            "How it fails: "
                + EmulatedFault.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "fault"
        ),
        completion: .list(EmulatedFault.allCases.map(\.rawValue))
    )
    var fault = EmulatedFault.none.rawValue

    @OptionGroup var format: FormatOption

    func run() async throws {
        guard let emulation = Emulation.all[instrument] else {
            throw CommandFailure(
                .usage,
                "there is no emulator of `\(instrument)`; there are "
                    + Emulation.all.keys.sorted().joined(separator: ", ")
            )
        }
        guard let fault = EmulatedFault(rawValue: fault) else {
            throw CommandFailure(
                .usage,
                "`\(fault)` is no fault; there are "
                    + EmulatedFault.allCases.map(\.rawValue).joined(separator: ", ")
            )
        }
        let port = port ?? emulation.defaultPort
        guard (0...65_534).contains(port) else {
            throw CommandFailure(.usage, "--port is \(port); expected 0 to 65534")
        }
        let emulator = emulation.make(port, SystemTimeSource())
        let modules: [EmulatedModule]
        do { modules = try await emulator.start() } catch {
            throw CommandFailure(.failed, "\(error)")
        }
        emulator.setFault(fault)
        let console = Console.current
        console.answer(Self.announcement(emulation.name, modules, isJSON: format.isJSON))
        _ = try await Signals.cancelling { await SystemTimeSource().sleepUntilCancelled() }
        await emulator.stop()
    }

    /// Where the modules listen, on one line, so that a script can read it and go on.
    static func announcement(
        _ instrument: String,
        _ modules: [EmulatedModule],
        isJSON: Bool
    ) -> String {
        guard isJSON else {
            let places = modules.map { "\($0.name) on port \($0.port)" }
            return "\(instrument) listens: \(places.joined(separator: ", "))"
        }
        let ports = Dictionary(modules.map { ($0.name, Value.int(Int64($0.port))) }) { $1 }
        return (["instrument": .string(instrument), "ports": .map(ports)] as Value).json
    }
}

extension SystemTimeSource {
    /// Suspends until the task is cancelled.
    func sleepUntilCancelled() async {
        while (try? await sleep(for: .seconds(3600))) != nil {}
    }
}

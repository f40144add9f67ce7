public import Telemetry

/// A server that speaks an instrument's protocol on real sockets, faults included.
public protocol Emulator: Sendable {
    /// Opens the sockets; the result says where each module of the instrument listens.
    ///
    /// - Throws: `EmulatorError.cannotListen`.
    func start() async throws -> [EmulatedModule]
    /// Closes the sockets; connections end.
    func stop() async
    /// Makes the instrument fail in this way until it is told otherwise.
    func setFault(_ fault: EmulatedFault)
}

/// Where one module of an emulated instrument listens, on all addresses of this machine.
public struct EmulatedModule: Hashable, Sendable {
    /// The module, such as `mmr3`.
    public let name: String
    /// The TCP or UDP port.
    public let port: Int
}

/// A way in which an instrument fails.
public enum EmulatedFault: String, CaseIterable, Sendable {
    /// It works.
    case none
    /// Nothing is answered.
    case silence
    /// Answers are signs that mean nothing.
    case garbage
    /// An answer that goes on without an end (over UDP: a datagram of 4,000 bytes).
    case endless
    /// Answers break off in the middle (over UDP: an empty datagram).
    case cut
    /// Each answer is held back until the next question comes.
    case late
    /// The connection ends at each question; over UDP, settings are lost and nothing is answered.
    case reset
    /// It says that it is another instrument.
    case wrong
}

/// Why an emulator does not start.
public enum EmulatorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The port cannot be had.
    case cannotListen(port: Int, reason: String)

    /// What was found and what to do.
    public var description: String {
        switch self {
        case .cannotListen(let port, let reason):
            "port \(port) is not free for an emulator (\(reason)); choose another one or 0"
        }
    }
}

/// An instrument that can be emulated, as `cerro emulate` lists it.
public struct Emulation: Sendable {
    /// The name on the command line.
    public let name: String
    /// What it is, in one line.
    public let summary: String
    /// The port that is taken if none is named.
    public let defaultPort: Int
    /// Makes an emulator that is not started; port 0 takes any free one.
    public let make: @Sendable (_ port: Int, _ time: any TimeSource) -> any Emulator

    /// All of them, by name.
    public static let all: [String: Emulation] = Dictionary(
        uniqueKeysWithValues: [
            Emulation(
                name: "lakeshore372",
                summary: "Lake Shore 372 resistance bridge, TCP",
                defaultPort: 7777
            ) { port, time in EmulatedLakeshore372(port: port, time: time) },
            Emulation(
                name: "imacrt",
                summary: "iMACRT MMR3 (UDP port) and MGC3 (UDP port + 1)",
                defaultPort: 12_001
            ) { port, time in
                EmulatedIMacRT(mmr3Port: port, mgc3Port: port == 0 ? 0 : port + 1, time: time)
            },
        ].map { ($0.name, $0) }
    )
}

internal import AgentRuntime
internal import Synchronization
internal import Telemetry

/// Somebody else's instrument answers at the address.
struct WrongInstrument: Error, Hashable, CustomStringConvertible {
    /// Where.
    let address: String
    /// Its answer to the identification, and what it should have begun with.
    let found: String, expected: String

    var description: String {
        "\(address) identifies itself as `\(found.prefix(80))`; expected \(expected): "
            + "check `address` in the site file and the cabling"
    }
}

/// Turns what happens to instruments into the status and faults of their agent.
///
/// A failing instrument degrades the session, raises one fault and leaves a gap; it never ends
/// the process, and nothing is published in its place.
final class InstrumentWatch: Sendable {
    private let session: OperationSession
    /// The open fault of each failing subject, with its text.
    private let failing = Mutex<[String: (id: String, text: String)]>([:])

    /// A watch over the instruments that `session` reads.
    init(_ session: OperationSession) {
        self.session = session
    }

    /// Runs one pass over the instrument `subject` (empty where the agent has one only).
    ///
    /// Errors that are not the instrument's go on to the caller.
    func pass(over subject: String = "", _ body: () async throws -> Void) async throws {
        do {
            try await body()
            succeed(subject)
        } catch let error as InstrumentError {
            fail(subject, error.faultName, .error, error)
        } catch let error as WrongInstrument {
            fail(subject, "instrument.wrong", .critical, error)
        } catch is CancellationError {
            return
        }
    }

    /// Clears what is raised: once nobody reads the instruments, nobody knows how they are.
    func end() {
        let open = failing.withLock { failing in
            defer { failing = [:] }
            return failing
        }
        for (subject, fault) in open { session.clear(fault.id, subject: subject) }
    }

    private func fail(
        _ subject: String,
        _ id: String,
        _ severity: Fault.Severity,
        _ error: any Error
    ) {
        let text = "\(error)"
        let before = failing.withLock { $0.updateValue((id, text), forKey: subject) }
        if let before, before.id != id { session.clear(before.id, subject: subject) }
        if before?.text != text || before?.id != id {
            session.raise(id, severity, text, subject: subject)
        }
        session.markDegraded(because: error)
    }

    private func succeed(_ subject: String) {
        let (before, others) = failing.withLock { failing in
            (failing.removeValue(forKey: subject), failing.min { $0.key < $1.key }?.value.text)
        }
        if let before { session.clear(before.id, subject: subject) }
        if let others {
            session.markDegraded(because: OtherInstrument(description: others))
        } else {
            session.markHealthy()
        }
    }
}

/// Another instrument of the same agent fails still.
private struct OtherInstrument: Error, CustomStringConvertible {
    let description: String
}

extension InstrumentError {
    /// The id of the fault that it raises.
    var faultName: String {
        switch self {
        case .unreachable, .silent: "instrument.silent"
        case .garbled: "instrument.garbled"
        case .refused: "instrument.refused"
        }
    }
}

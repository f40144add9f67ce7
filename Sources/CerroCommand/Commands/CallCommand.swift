internal import AgentClient
internal import ArgumentParser
internal import MessageBus
internal import SiteConfig
internal import Telemetry

/// `cerro call`: starts, stops and watches the operations of an instance.
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Starts an operation of an instance, stops it, or asks for its status.",
        usage: "cerro call INSTANCE OPERATION [ACTION] [key=value | key:=JSON …] [options]",
        discussion: """
            ACTION is start (else taken; waits for a task), stop, abort, wait or status. \
            `cerro describe INSTANCE` lists the operations and what they take. Ctrl-C leaves the \
            operation running.
            """
    )

    @Argument(help: "The instance.", completion: SiteCompletion.instances)
    var instance: String

    @Argument(help: "The operation.", completion: SiteCompletion.operations)
    var operation: String

    @Argument(
        help: "An action, then parameters as key=value or key:=JSON.",
        completion: SiteCompletion.callWords
    )
    var words: [String] = []

    @Option(help: ArgumentHelp("Wait at most so long.", valueName: "seconds"))
    var timeout: Double?

    @Flag(name: .customLong("no-wait"), help: "Return as soon as the operation has started.")
    var isDetached = false

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        if let timeout, !(timeout > 0 && timeout <= 1e6) {
            throw ValidationError("--timeout is \(timeout); expected more than 0 to 1000000 s")
        }
    }

    func run() async throws {
        let arguments = try CallArguments(words)
        let site = try site.load()
        let call = OperationCall(
            instance: instance,
            operation: operation,
            arguments: arguments,
            limit: timeout.map { .seconds($0) },
            isDetached: isDetached
        )
        let console = Console.current
        let (outcome, wasToldToEnd) = try await Signals.cancelling {
            try await SiteConnection.with(site) { client in
                try await call.run(SystemTimeSource()) { action, arguments, limit in
                    try await client.request(instance, action, arguments, timeout: limit)
                }
            }
        }
        if format.isJSON {
            console.answer(outcome.value.json)
        } else if let session = outcome.session {
            let now = SystemTimeSource().now
            for line in SessionReport.lines(session, of: instance, now: now, console) {
                console.answer(line)
            }
        } else if outcome.code == .ok {
            console.answer("\(operation) of \(instance) has not run since the instance began")
        }
        if wasToldToEnd, outcome.code == .waitTimeout {
            throw CommandFailure(.timedOut, call.advice)
        }
        guard outcome.code == .ok else {
            let status = ExitStatus(rawValue: outcome.code.exitCode) ?? .failed
            let advice = outcome.code == .waitTimeout ? "\n" + call.advice : ""
            throw CommandFailure(status, outcome.text + " (\(outcome.code.rawValue))" + advice)
        }
    }
}

/// One call of an operation as a dialogue with its instance.
struct OperationCall: Sendable {
    /// What became of it.
    struct Outcome: Sendable {
        /// The last reply's code and text.
        var code: ReplyCode
        var text: String
        /// The session that it was about, where there is one.
        var session: Session?

        /// The outcome as a map.
        var value: Value {
            [
                "code": .string(code.rawValue), "text": .string(text),
                "session": session?.value ?? .null,
            ]
        }
    }

    /// Sends a request with a time limit and returns the reply.
    typealias Send = (_ action: String, _ arguments: Value, _ limit: Duration) async throws -> Reply

    let instance: String
    let operation: String
    let arguments: CallArguments
    /// How long to wait for the end, nil for as long as it takes.
    let limit: Duration?
    /// Whether to return at once.
    let isDetached: Bool

    /// How to go on with an operation that was left running.
    var advice: String {
        let name = "\(instance) \(operation)"
        return "the operation goes on: `cerro call \(name) status` shows it, `cerro call \(name) "
            + "stop` (a task: `abort`) ends it"
    }

    /// Carries the call out; a task that is started is waited for in steps, so that an instance
    /// that dies meanwhile is noticed.
    func run(_ time: any TimeSource, _ send: Send) async throws -> Outcome {
        let deadline = limit.map { time.monotonic + $0 }
        let waits =
            switch arguments.action {
            case .wait, .abort, .stop: !isDetached
            case .start: isDetached ? false : try await isTask(send)
            case .status: false
            }
        var request: [String: Value] = ["operation": .string(operation)]
        if arguments.action == .start { request["parameters"] = .map(arguments.parameters) }
        var action = arguments.action.rawValue
        while true {
            let left = deadline.map { $0 - time.monotonic } ?? Limits.waitStep
            let step = waits ? max(.zero, min(left, Limits.waitStep)) : .zero
            request["wait_ns"] = .int(step.nanoseconds)
            let reply: Reply
            do {
                reply = try await send(action, .map(request), SiteClient.patience + step)
            } catch {
                // Ctrl-C ends the waiting, not the operation.
                guard waits, Task.isCancelled else { throw error }
                return Outcome(code: .waitTimeout, text: "nobody waits any more", session: nil)
            }
            let session = reply.result["session"].flatMap(Session.init)
            let outcome = Outcome(code: reply.code, text: reply.text, session: session)
            let isOver = deadline.map { time.monotonic >= $0 } ?? false
            guard waits, reply.code == .waitTimeout, let session, !isOver, !Task.isCancelled else {
                return outcome
            }
            action = Action.wait
            request = ["operation": .string(operation), "session": .int(session.id)]
        }
    }

    private func isTask(_ send: Send) async throws -> Bool {
        let reply = try await send(Action.describe, [:], SiteClient.patience)
        // Taken for a process, a task would not be waited for.
        guard reply.code == .ok else {
            throw ClientError.refused(code: reply.code, text: reply.text, result: reply.result)
        }
        let declared = reply.result["operations"]?.array?.first {
            $0["name"]?.string == operation
        }
        return declared?["kind"]?.string == "task"
    }
}

/// A session as people read it.
enum SessionReport {
    static func lines(
        _ session: Session,
        of instance: String,
        now: Timestamp,
        _ console: Console
    ) -> [String] {
        let status =
            switch session.success {
            case true?: console.coloured("done", .green)
            case false?: console.coloured("failed", .red)
            case nil: session.status.rawValue
            }
        let times =
            session.end.map { "after \(HumanText.duration($0 - session.start))" }
            ?? "started \(HumanText.age(of: session.start, at: now))"
        let reason = session.reason.isEmpty ? "" : ": " + TextTable.onOneLine(session.reason)
        return ["\(instance) \(session.operation) #\(session.id) \(status), \(times)\(reason)"]
            + session.data.sorted { $0.key < $1.key }.map {
                TextTable.onOneLine("  \($0.key): \(HumanText.value($0.value))")
            }
            + session.messages.map { TextTable.onOneLine("  \($0.time) \($0.text)") }
    }
}

internal import AgentRuntime
internal import SiteConfig
internal import Telemetry

/// The one connection to a Lake Shore 372; passes and commands take turns on it.
///
/// Lines end with CR LF in both directions. Commands have no reply, so each is followed by the
/// question that shows whether it took effect. A new connection is used for nothing before the
/// instrument has identified itself.
actor Lakeshore372Connection {
    private let line: LineConnection
    private let turnstile: Turnstile
    private let time: any TimeSource
    private var dialogue: Lakeshore372Dialogue

    /// A connection that is opened when it is needed.
    init(
        to endpoint: Endpoint,
        limit: Duration,
        settle: Duration,
        time: any TimeSource,
        chance: @escaping @Sendable () -> Double
    ) {
        line = LineConnection(
            to: endpoint,
            lineEnd: "\r\n",
            limit: limit,
            time: time,
            chance: chance
        )
        turnstile = Turnstile(address: "\(endpoint)")
        self.time = time
        dialogue = Lakeshore372Dialogue(settle: settle)
    }

    /// Reads the active channel; see ``Lakeshore372Dialogue``.
    func read() async throws -> Lakeshore372Reading {
        try await turnstile.pass {
            try await open()
            guard case .finished(let reading) = try await run(dialogue.beginPass()) else {
                throw garbled("nothing", "a reading")
            }
            await line.confirmSound()
            return reading
        }
    }

    /// Asks one question.
    func ask(_ question: String) async throws -> String {
        try await turnstile.pass {
            try await identify()
            return try await line.ask(question)
        }
    }

    /// Sends a command and asks `question` until its answer shows it; nothing comes in between.
    ///
    /// - Throws: `InstrumentError.refused` if the instrument shows something else.
    func set(
        _ command: String,
        then question: String,
        isDone: @Sendable (_ answer: String) -> Bool
    ) async throws {
        try await turnstile.pass {
            try await identify()
            try await line.tell(command)
            let answer = try await line.ask(question)
            guard isDone(answer) else {
                throw InstrumentError.refused(
                    address: line.address,
                    reason: "after `\(command)` its answer to `\(question)` is `\(answer)`"
                )
            }
        }
    }

    /// Ends the connection after whatever uses it, which gives the instrument free for others.
    func close() async throws {
        try await turnstile.pass { await line.drop(because: "stopped", counts: false) }
    }

    private func open() async throws {
        if try await line.open() { dialogue.connected() }
    }

    private func identify() async throws {
        try await open()
        _ = try await run(dialogue.identify())
    }

    private func run(
        _ first: Lakeshore372Dialogue.Action
    ) async throws -> Lakeshore372Dialogue.Action {
        var action = first
        while case .ask(let question) = action {
            action = dialogue.answer(try await line.ask(question), at: time.monotonic)
        }
        switch action {
        case .wrong(let found, let expected):
            await line.drop(because: "it is another instrument")
            throw WrongInstrument(address: line.address, found: found, expected: expected)
        case .garbled(let found, let expected):
            await line.drop(because: "its answer made no sense")
            throw garbled(found, expected)
        case .ask, .identified, .finished:
            return action
        }
    }

    private nonisolated func garbled(_ found: String, _ expected: String) -> InstrumentError {
        .garbled(address: line.address, found: found, expected: expected)
    }
}

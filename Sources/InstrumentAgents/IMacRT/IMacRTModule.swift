internal import AgentRuntime
internal import NIOCore
internal import Telemetry

/// One module, MMR3 or MGC3: values are read and written by index, one question at a time.
actor IMacRTModule {
    /// The command words begin with it: `MMR3` or `MGC3`.
    nonisolated let name: String
    /// `host:port`, for messages.
    nonisolated let address: String
    private let place: Int
    private let socket: IMacRTSocket
    private let turnstile: Turnstile
    private let limit: Duration
    private let pace: Duration
    private let time: any TimeSource
    private let chance: @Sendable () -> Double
    private var backoff = Backoff()
    /// The socket on which the module identified itself since anything went wrong.
    private var identifiedOn: ObjectIdentifier?
    private var notBefore = Duration.zero

    /// The module at `place` in the list of the socket; `pace` is left after each datagram.
    init(
        _ name: String,
        at address: String,
        place: Int,
        socket: IMacRTSocket,
        limit: Duration,
        pace: Duration,
        time: any TimeSource,
        chance: @escaping @Sendable () -> Double
    ) {
        self.name = name
        self.address = address
        self.place = place
        self.socket = socket
        self.limit = limit
        self.pace = pace
        self.time = time
        self.chance = chance
        turnstile = Turnstile(address: address)
    }

    /// Reads the values at `indices`, one after the other, in one turn.
    func read(_ indices: [Int]) async throws -> [Double] {
        try await turnstile.pass {
            let channel = try await identified()
            var values: [Double] = []
            for index in indices { values.append(try await get(index, channel)) }
            backoff.succeed()
            return values
        }
    }

    /// Writes values and reads each back; nothing comes in between.
    ///
    /// - Throws: `InstrumentError.refused` if the module shows another value.
    func write(_ values: [(index: Int, value: Double)]) async throws {
        try await turnstile.pass {
            let channel = try await identified()
            for (index, value) in values {
                let text = Text.decimal(value, places: 6)
                try await paced()
                let command = "\(name)SET \(index) \(text)"
                try await channel.writeAndFlush(
                    IMacRTRequest(module: place, content: .tell(command))
                ).get()
                let shown = try await get(index, channel)
                // The module keeps single precision: seven digits.
                guard abs(shown - value) <= 1e-5 * abs(value) + 1e-6 else {
                    throw InstrumentError.refused(
                        address: address,
                        reason: "after `\(command)` it shows \(shown)"
                    )
                }
            }
        }
    }

    /// Makes sure that the module has identified itself since anything went wrong.
    private func identified() async throws -> any Channel {
        guard backoff.mayTry(at: time.monotonic) else {
            let tenths = ((backoff.notBefore - time.monotonic).inSeconds * 10).rounded() / 10
            throw InstrumentError.unreachable(
                address: address,
                reason: "\(backoff.reason); next try in \(tenths) s"
            )
        }
        let channel = try await socket.opened()
        if identifiedOn != ObjectIdentifier(channel) {
            _ = try await ask(.identity, "*IDN?", channel)
            identifiedOn = ObjectIdentifier(channel)
        }
        return channel
    }

    private func get(_ index: Int, _ channel: any Channel) async throws -> Double {
        let text = try await ask(.number, "\(name)GET \(index)", channel)
        guard let number = Text.number(text) else {
            throw InstrumentError.garbled(address: address, found: text, expected: "a number")
        }
        return number
    }

    private func ask(
        _ question: IMacRTDialogue.Question,
        _ text: String,
        _ channel: any Channel
    ) async throws -> String {
        try await paced()
        let reply = channel.eventLoop.makePromise(of: String.self)
        let request = IMacRTRequest(module: place, content: .ask(question, text, reply))
        channel.writeAndFlush(request).whenFailure { reply.fail($0) }
        let place = place
        do {
            let answer = try await reply.answer(within: limit, on: time) {
                channel.write(IMacRTRequest(module: place, content: .giveUp), promise: nil)
            }
            if let answer { return answer }
        } catch let failure as IMacRTDialogue.Failure {
            throw failed(failure)
        } catch {
            identifiedOn = nil
            throw error is CancellationError
                ? error : InstrumentError.unreachable(address: address, reason: "\(error)")
        }
        note("no reply within \(limit.inSeconds) s")
        throw InstrumentError.silent(address: address, after: limit)
    }

    private func failed(_ failure: IMacRTDialogue.Failure) -> any Error {
        switch failure {
        case .wrong(let text):
            note("it is another module")
            return WrongInstrument(address: address, found: text, expected: name)
        case .disconnected(let text):
            note("its unit is disconnected")
            return InstrumentError.refused(
                address: address,
                reason: "the unit behind it is disconnected (`\(text)`)"
            )
        case .garbled(let text):
            note("its answer made no sense")
            return InstrumentError.garbled(address: address, found: text, expected: "a number")
        case .outOfOrder:
            // The socket was opened anew, and knows nothing about the module.
            note("the socket was lost")
            return InstrumentError.unreachable(address: address, reason: "the socket was lost")
        }
    }

    private func note(_ reason: String) {
        identifiedOn = nil
        backoff.fail(at: time.monotonic, because: reason, chance: chance())
    }

    /// Leaves the module the time that it needs after the datagram before.
    private func paced() async throws {
        if time.monotonic < notBefore { try await time.sleep(untilMonotonic: notBefore) }
        notBefore = time.monotonic + pace
    }
}

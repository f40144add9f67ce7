internal import AgentRuntime
internal import NIOCore
internal import NIOPosix
internal import SiteConfig
internal import Telemetry

/// A TCP connection to an instrument that speaks lines, opened when it is needed.
///
/// After a failure the connection is dropped, so that a late reply can never be taken for the
/// answer to the next question, and the next try waits for ``Backoff``. Callers take turns
/// (``Turnstile``): one question is open at a time.
actor LineConnection {
    /// `host:port`, for messages.
    nonisolated let address: String
    private let endpoint: Endpoint
    private let lineEnd: String
    private let limit: Duration
    private let time: any TimeSource
    private let chance: @Sendable () -> Double
    private var channel: (any Channel)?
    private var backoff = Backoff()

    /// A connection that is opened at the first question; each answer has `limit` to arrive.
    init(
        to endpoint: Endpoint,
        lineEnd: String,
        limit: Duration,
        time: any TimeSource,
        chance: @escaping @Sendable () -> Double
    ) {
        address = "\(endpoint)"
        self.endpoint = endpoint
        self.lineEnd = lineEnd
        self.limit = limit
        self.time = time
        self.chance = chance
    }

    deinit {
        channel?.close(promise: nil)
    }

    /// Opens the connection unless it is open; true if it is a new one.
    func open() async throws -> Bool {
        if let channel, channel.isActive { return false }
        channel = nil
        guard backoff.mayTry(at: time.monotonic) else {
            let wait = (backoff.notBefore - time.monotonic).inSeconds
            let tenths = (wait * 10).rounded() / 10
            throw InstrumentError.unreachable(
                address: address,
                reason: "\(backoff.reason); next try in \(tenths) s"
            )
        }
        do {
            channel = try await ClientBootstrap(group: InstrumentLoop.group)
                .connectTimeout(.nanoseconds(limit.nanoseconds))
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(LineHandler())
                    }
                }
                .connect(host: endpoint.host, port: endpoint.port).get()
            return true
        } catch {
            let reason = SystemReason.found(in: "\(error)")
            drop(because: "no connection (\(reason))")
            throw InstrumentError.unreachable(address: address, reason: reason)
        }
    }

    /// Asks and returns the answer; any failure drops the connection.
    func ask(_ question: String) async throws -> String {
        guard let channel else { throw lost(.closed) }
        let reply = channel.eventLoop.makePromise(of: String.self)
        channel.writeAndFlush(LineRequest(text: question + lineEnd, reply: reply))
            .whenFailure { reply.fail($0) }
        let answer: String?
        do {
            answer = try await reply.answer(within: limit, on: time) {
                channel.close(promise: nil)
            }
        } catch let error as CancellationError {
            drop(because: "the question was withdrawn", counts: false)
            throw error
        } catch {
            throw lost(error as? LineDialogue.Failure ?? .closed)
        }
        guard let answer else {
            drop(because: "no reply within \(limit.inSeconds) s")
            throw InstrumentError.silent(address: address, after: limit)
        }
        return answer
    }

    /// Sends a command that has no reply.
    func tell(_ command: String) async throws {
        guard let channel else { throw lost(.closed) }
        do {
            try await channel.writeAndFlush(LineRequest(text: command + lineEnd, reply: nil)).get()
        } catch {
            throw lost(.closed)
        }
    }

    /// The instrument did its job: the next failure is a first one again.
    func confirmSound() { backoff.succeed() }

    /// Ends the connection; `counts` if that is the instrument's fault.
    func drop(because reason: String, counts: Bool = true) {
        channel?.close(promise: nil)
        channel = nil
        if counts { backoff.fail(at: time.monotonic, because: reason, chance: chance()) }
    }

    private func lost(_ failure: LineDialogue.Failure) -> InstrumentError {
        drop(because: failure.description)
        return .unreachable(address: address, reason: failure.description)
    }
}

/// What goes down the pipeline: a line, and who waits for its answer.
struct LineRequest: Sendable {
    /// The line with its end.
    let text: String
    /// Nil where there is no reply.
    let reply: EventLoopPromise<String>?
}

/// Carries out what ``LineDialogue`` decides.
final class LineHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = LineRequest
    typealias OutboundOut = ByteBuffer

    private var dialogue = LineDialogue()
    private var reply: EventLoopPromise<String>?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let request = unwrapOutboundIn(data)
        if let waiting = request.reply {
            let actions = dialogue.handle(.asked)
            for case .fail(let failure) in actions {
                waiting.fail(failure)
                promise?.fail(failure)
            }
            guard actions.isEmpty else { return perform(actions, context) }
            reply = waiting
        }
        context.write(wrapOutboundOut(ByteBuffer(string: request.text)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        perform(dialogue.handle(.received(Array(unwrapInboundIn(data).readableBytesView))), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        perform(dialogue.handle(.closed), context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func perform(_ actions: [LineDialogue.Action], _ context: ChannelHandlerContext) {
        for action in actions {
            switch action {
            case .answer(let line): reply?.succeed(line)
            case .fail(let failure): reply?.fail(failure)
            case .close: context.close(promise: nil)
            }
            if action != .close { reply = nil }
        }
    }
}

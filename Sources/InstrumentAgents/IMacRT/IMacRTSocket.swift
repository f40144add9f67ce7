internal import AgentRuntime
internal import NIOCore
internal import NIOPosix
internal import SiteConfig
internal import Telemetry

/// The one UDP socket of an iMACRT set: modules answer to its port, whichever asked.
///
/// A reply belongs to the module that it came from. Modules at one address (as emulated ones are)
/// are told apart by their ports; otherwise the port of a reply is not looked at, since nothing
/// says that a module answers from the port that it listens on.
actor IMacRTSocket {
    private let localPort: Int
    private let modules: [(address: SocketAddress, model: String)]
    private let turnstile: Turnstile
    private var channel: (any Channel)?

    /// A socket on `localPort` (0 takes any), opened at the first question.
    init(localPort: Int, modules: [(address: SocketAddress, model: String)]) {
        self.localPort = localPort
        self.modules = modules
        turnstile = Turnstile(address: "local UDP port \(localPort)")
    }

    deinit {
        channel?.close(promise: nil)
    }

    /// The address of a module, whose host is an IPv4 address.
    static func address(of endpoint: Endpoint) throws -> SocketAddress {
        try SocketAddress(ipAddress: endpoint.host, port: endpoint.port)
    }

    /// The open socket; modules that ask for it at once get the same.
    func opened() async throws -> any Channel {
        try await turnstile.pass {
            if let channel, channel.isActive { return channel }
            let opened = try await bind()
            channel = opened
            return opened
        }
    }

    private func bind() async throws -> any Channel {
        let modules = modules
        do {
            return try await DatagramBootstrap(group: InstrumentLoop.group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(IMacRTHandler(modules))
                    }
                }
                .bind(host: "0.0.0.0", port: localPort).get()
        } catch {
            throw InstrumentError.unreachable(
                address: "local UDP port \(localPort)",
                reason: SystemReason.found(in: "\(error)")
                    + "; modules answer to that port, so one agent at a time can have it"
            )
        }
    }
}

/// What goes down the pipeline to one module.
struct IMacRTRequest: Sendable {
    /// What to do.
    enum Content: Sendable {
        case ask(IMacRTDialogue.Question, String, EventLoopPromise<String>)
        case tell(String)
        case giveUp
    }

    /// The module, by its place in the list.
    let module: Int
    /// What to do.
    let content: Content
}

/// Carries out what the dialogues of the modules decide.
private final class IMacRTHandler: ChannelDuplexHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundIn = IMacRTRequest
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private struct Module {
        let address: SocketAddress
        var dialogue: IMacRTDialogue
        var reply: EventLoopPromise<String>?
    }

    private var modules: [Module]

    init(_ modules: [(address: SocketAddress, model: String)]) {
        self.modules = modules.map {
            Module(address: $0.address, dialogue: IMacRTDialogue(model: $0.model))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let request = unwrapOutboundIn(data)
        let index = request.module
        switch request.content {
        case .ask(let question, let text, let reply):
            if case .fail(let failure) = modules[index].dialogue.handle(.asked(question)) {
                reply.fail(failure)
                promise?.fail(failure)
                return
            }
            modules[index].reply = reply
            send(text, to: index, context, promise)
        case .tell(let text):
            send(text, to: index, context, promise)
        case .giveUp:
            perform(modules[index].dialogue.handle(.gaveUp), index)
            promise?.succeed(())
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard envelope.data.readableBytes <= Limits.longestReply,
            let index = module(at: envelope.remoteAddress)
        else { return }
        perform(modules[index].dialogue.handle(.received(String(buffer: envelope.data))), index)
    }

    func channelInactive(context: ChannelHandlerContext) {
        for index in modules.indices { perform(modules[index].dialogue.handle(.gaveUp), index) }
        context.fireChannelInactive()
    }

    /// A module that is away may be reported as an error of the socket (ICMP); the time limit of
    /// the question says the same, so the socket stays.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    private func module(at address: SocketAddress) -> Int? {
        let here = modules.indices.filter { modules[$0].address.ipAddress == address.ipAddress }
        guard here.count > 1 else { return here.first }
        return here.first { modules[$0].address.port == address.port }
    }

    private func perform(_ action: IMacRTDialogue.Action, _ index: Int) {
        switch action {
        case .answer(let text): modules[index].reply?.succeed(text)
        case .fail(let failure): modules[index].reply?.fail(failure)
        case .ignore: return
        }
        modules[index].reply = nil
    }

    private func send(
        _ text: String,
        to index: Int,
        _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>?
    ) {
        let envelope = AddressedEnvelope(
            remoteAddress: modules[index].address,
            data: ByteBuffer(string: text + "\n")
        )
        context.writeAndFlush(wrapOutboundOut(envelope), promise: promise)
    }
}

internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import Telemetry

/// A UDP server that answers each datagram to its sender.
final class DatagramServer: Sendable {
    private struct State {
        var replies = FaultyReplies()
        var channel: (any Channel)?
    }

    private let state = Mutex(State())
    private let port: Int
    /// The reply of a healthy instrument, nil for commands.
    private let reply: @Sendable (String) -> String?

    init(port: Int, reply: @escaping @Sendable (String) -> String?) {
        self.port = port
        self.reply = reply
    }

    /// The way in which it fails at present.
    var fault: EmulatedFault {
        get { state.withLock { $0.replies.fault } }
        set { state.withLock { $0.replies.fault = newValue } }
    }

    /// Opens the port and returns it.
    func start() async throws -> Int {
        do {
            let channel = try await DatagramBootstrap(group: EmulatorLoop.group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramServerHandler(self))
                    }
                }
                .bind(host: "0.0.0.0", port: port).get()
            state.withLock { $0.channel = channel }
            return channel.localAddress?.port ?? port
        } catch {
            let reason = SystemReason.found(in: "\(error)")
            throw EmulatorError.cannotListen(port: port, reason: reason)
        }
    }

    /// Closes the port.
    func stop() async {
        let channel = state.withLock { $0.channel }
        try? await channel?.close().get()
    }

    /// The datagrams that follow one datagram.
    fileprivate func datagrams(after text: String) -> [String] {
        let reply = reply(text)
        return state.withLock { $0.replies.actions(for: reply) }.compactMap { action in
            switch action {
            case .send(let text): text + "\n"
            // A datagram arrives whole or not at all; half of a number would be another number.
            case .sendRaw(let text): text.utf8.count > 4000 ? String(text.prefix(4000)) : ""
            case .close: nil
            }
        }
    }
}

/// Answers to where each question came from.
private final class DatagramServerHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let server: DatagramServer

    init(_ server: DatagramServer) {
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let text = String(buffer: envelope.data)
        for reply in server.datagrams(after: text) {
            let answer = AddressedEnvelope(
                remoteAddress: envelope.remoteAddress,
                data: ByteBuffer(string: reply)
            )
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }
}

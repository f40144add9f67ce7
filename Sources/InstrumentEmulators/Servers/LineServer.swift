internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import Telemetry

/// The one thread that waits for the sockets of all emulators of a process.
enum EmulatorLoop {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
}

/// A TCP server of lines for one client at a time: the newest; the one before is disconnected.
final class LineServer: Sendable {
    private struct State {
        var replies = FaultyReplies()
        var listener: (any Channel)?
        var client: (any Channel)?
    }

    /// The longest question, in bytes; a client that sends more is disconnected.
    static let longestQuestion = 4096

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
        set {
            let client = state.withLock { state in
                state.replies.fault = newValue
                return newValue == .reset ? state.client : nil
            }
            client?.close(promise: nil)
        }
    }

    /// Opens the port and returns it.
    func start() async throws -> Int {
        do {
            let listener = try await ServerBootstrap(group: EmulatorLoop.group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    self.welcome(channel)
                    return channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(LineServerHandler(self))
                    }
                }
                .bind(host: "0.0.0.0", port: port).get()
            state.withLock { $0.listener = listener }
            return listener.localAddress?.port ?? port
        } catch {
            let reason = SystemReason.found(in: "\(error)")
            throw EmulatorError.cannotListen(port: port, reason: reason)
        }
    }

    /// Closes the port and the connection.
    func stop() async {
        let (listener, client) = state.withLock { ($0.listener, $0.client) }
        try? await listener?.close().get()
        try? await client?.close().get()
    }

    fileprivate func actions(for line: String) -> [FaultyReplies.Action] {
        let reply = reply(line)
        return state.withLock { $0.replies.actions(for: reply) }
    }

    private func welcome(_ channel: any Channel) {
        let before = state.withLock { state in
            let before = state.client
            state.client = channel
            state.replies.connected()
            return before
        }
        before?.close(promise: nil)
    }
}

/// Cuts the bytes of one client into lines and sends what the server decides.
private final class LineServerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: LineServer
    private var rest: [UInt8] = []

    init(_ server: LineServer) {
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for byte in unwrapInboundIn(data).readableBytesView {
            guard byte == 0x0A else {
                rest.append(byte)
                if rest.count > LineServer.longestQuestion { return context.close(promise: nil) }
                continue
            }
            let line = String(decoding: rest, as: UTF8.self)
            rest.removeAll(keepingCapacity: true)
            for action in server.actions(for: line) {
                switch action {
                case .send(let text): send(text + "\r\n", context)
                case .sendRaw(let text): send(text, context)
                case .close: context.close(promise: nil)
                }
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func send(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}

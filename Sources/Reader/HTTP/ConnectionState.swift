internal import Hummingbird
internal import NIOCore
internal import Synchronization
internal import Telemetry

/// What became of a connection: whoever works for it is told when nobody is there any more.
///
/// One request at a time runs on a connection, and so one piece of work.
final class ConnectionState: Sendable {
    private struct State {
        var isClosed = false
        var onClose: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// The connection of the request that this task answers; nil where there is none.
    @TaskLocal static var current: ConnectionState?

    /// That of a channel; nil for one that nobody watches.
    static func of(_ channel: any Channel) async -> ConnectionState? {
        try? await channel.pipeline.handler(type: ConnectionWatch.self).map(\.state).get()
    }

    /// Whether nobody is there any more.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Whether somebody works for it.
    var isBusy: Bool { state.withLock { $0.onClose != nil } }

    /// Calls `work` when the connection closes, at once if it has.
    func whenClosed(_ work: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            state.onClose = state.isClosed ? nil : work
            return state.isClosed
        }
        if isClosed { work() }
    }

    /// The work is done.
    func forget() { state.withLock { $0.onClose = nil } }

    fileprivate func close() {
        let work = state.withLock { state in
            state.isClosed = true
            defer { state.onClose = nil }
            return state.onClose
        }
        work?()
    }
}

/// Watches one connection: for its end, and for a reader that takes nothing.
///
/// The client's half of the connection may close before the answer is written: then nobody waits
/// for it any more, since no client of HTTP does so while it wants to read.
final class ConnectionWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = Any
    typealias OutboundIn = Any

    let state = ConnectionState()
    private let roll: ConnectionRoll?
    private let patience: TimeAmount
    private var slowness: Scheduled<Void>?

    /// A watch that closes a connection whose reader takes nothing for so long, or when `roll`
    /// needs its place.
    init(_ roll: ConnectionRoll? = nil, patience: Duration = ReaderLimits.writeTime) {
        self.roll = roll
        self.patience = .nanoseconds(patience.nanoseconds)
    }

    func channelActive(context: ChannelHandlerContext) {
        roll?.add(context.channel, state)
        context.fireChannelActive()
    }

    // A part of a question that is whole: bytes of a head that never ends do not come so far.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        roll?.use(state)
        context.fireChannelRead(data)
    }

    func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        roll?.use(state)
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A connection that was cut says nothing about what came on it.
        if !(error is IOError) {
            roll?.refuse(context.channel, because: error)
            // What follows would be read and thrown away until the answer has closed it.
            _ = context.channel.setOption(.autoRead, value: false)
        }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        roll?.remove(state)
        slowness?.cancel()
        state.close()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { state.close() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        slowness?.cancel()
        slowness = nil
        if !context.channel.isWritable {
            let channel = context.channel
            slowness = context.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }
}

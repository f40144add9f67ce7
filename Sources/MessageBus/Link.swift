internal import ZeroMQ

/// One connection that is kept up, and what is known of its state.
///
/// libzmq connects again by itself after a lost connection, but never after a refused handshake
/// or after a message that it did not read to its end. Both look like an end from here, so every
/// end is followed by a connection that is made anew, after a pause.
final class Link {
    let socket: Socket
    let endpoint: BusEndpoint
    private(set) var state = ConnectionState.disconnected(reason: "no answer from that address yet")
    private let onState: (ConnectionState) -> Void
    private let sends: Bool
    private var hasShakenHands = false
    /// Whether the handshake failed, which says more than the end that follows it.
    private var hasFailed = false
    private var isRetryDue = false

    init(
        _ socket: Socket,
        _ endpoint: BusEndpoint,
        sends: Bool,
        _ onState: @escaping (ConnectionState) -> Void
    ) throws(ZeroMQError) {
        self.socket = socket
        self.endpoint = endpoint
        self.sends = sends
        self.onState = onState
        // The socket keeps this by its handlers, until it is closed and forgets them.
        try socket.monitor { self.note($0) }
        try socket.connect(to: endpoint.description)
        socket.onWritable = {
            self.socket.wantsWritable = false
            self.noteWritable()
        }
    }

    func close() {
        guard !socket.isClosed else { return }
        socket.close()
        state = .disconnected(reason: "closed")
    }

    private func note(_ event: MonitorEvent) {
        switch event {
        case .connected:
            hasShakenHands = true
            hasFailed = false
            // The event comes before the socket takes messages for the peer.
            if sends { socket.wantsWritable = true } else { change(to: .connected) }
        case .disconnected:
            hasShakenHands = false
            if !hasFailed { change(to: .disconnected(reason: "the connection was lost")) }
            retry(after: BusLimits.lostRetry)
        case .handshakeFailed:
            hasFailed = true
            change(
                to: .disconnected(
                    reason: "who listens there does not speak ZeroMQ, has another key than was "
                        + "told, hangs, or has ended"
                )
            )
            retry(after: BusLimits.refusedRetry)
        case .refused:
            hasFailed = true
            change(to: .disconnected(reason: "the connection was refused: the key is not admitted"))
            retry(after: BusLimits.refusedRetry)
        case .retrying:
            if !state.isConnected, !hasFailed {
                change(to: .disconnected(reason: "nobody listens there, or nobody answers"))
            }
            hasFailed = false
        case .accepted, .unbound: break
        }
    }

    private func noteWritable() {
        guard hasShakenHands else { return }
        state = .connected
        onState(.connected)
    }

    private func change(to new: ConnectionState) {
        guard state != new else { return }
        state = new
        onState(new)
    }

    private func retry(after delay: Duration) {
        guard !isRetryDue, !socket.isClosed else { return }
        isRetryDue = true
        socket.reactor.run(after: delay) { [weak self] in
            guard let self else { return }
            self.isRetryDue = false
            guard !self.socket.isClosed, !self.hasShakenHands else { return }
            self.socket.disconnect(from: self.endpoint.description)
            do throws(ZeroMQError) {
                try self.socket.connect(to: self.endpoint.description)
            } catch {
                self.change(to: .disconnected(reason: error.description))
                self.retry(after: BusLimits.refusedRetry)
            }
        }
    }
}

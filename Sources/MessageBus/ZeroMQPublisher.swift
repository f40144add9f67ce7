internal import ZeroMQ

final class ZeroMQPublisherSocket: PublisherSocket {
    let endpoint: BusEndpoint
    let audience = Audience()
    var onRefusal: ((_ reason: String, _ detail: String) -> Void)?
    private(set) var dropped = 0
    private var subscriptions = SubscriptionTable()
    private var mark = PublishMark()
    /// Nil while it is made anew.
    private var socket: Socket?
    private let reactor: Reactor
    private let guardian: PeerGuard?
    /// Makes a socket that lets so many messages wait for each subscriber, at one place.
    private let makeSocket: (Int, BusEndpoint) throws(BusError) -> Socket
    private var isClosed = false

    var waitingByteCount: Int { socket?.waitingByteCount ?? 0 }

    init(
        _ socket: Socket,
        _ endpoint: BusEndpoint,
        _ guardian: PeerGuard?,
        _ makeSocket: @escaping (Int, BusEndpoint) throws(BusError) -> Socket
    ) {
        reactor = socket.reactor
        self.guardian = guardian
        self.endpoint = endpoint
        self.makeSocket = makeSocket
        take(socket)
    }

    func hasSubscribers(to topic: String) -> Bool { subscriptions.covers(topic) }

    func publish(topic: String, payload: UnsafeRawBufferPointer) -> Bool {
        if let mark = mark.lowered(by: payload.count, waiting: waitingByteCount) {
            socket?.close(isDiscarding: true)
            letGo()
            renew(mark)
            dropped += 1
            return false
        }
        guard let socket else {
            dropped += 1
            return false
        }
        var topic = topic
        return topic.withUTF8 { topic in
            let topic = UnsafeRawBufferPointer(topic)
            guard socket.sendCounted(topic, payload) != .sent else { return true }
            dropped += 1
            // One slow subscriber must not cost the others the message.
            socket.refuseWhenFull(false)
            _ = socket.sendCounted(topic, payload)
            socket.refuseWhenFull(true)
            return false
        }
    }

    func close() {
        isClosed = true
        socket?.close()
        letGo()
    }

    private func letGo() {
        socket = nil
        subscriptions = SubscriptionTable()
        audience.note(isPresent: false)
    }

    private func take(_ socket: Socket) {
        self.socket = socket
        socket.refuseWhenFull(true)
        let bound = PeerBound(
            bytes: BusLimits.subscriptionBytes,
            connections: BusLimits.mostConnections
        )
        do throws(ZeroMQError) {
            try socket.limitPeers(bound) { [weak self] peer in
                self?.onRefusal?("subscriber's connection ended", "\(peer)")
            }
        } catch {
            onRefusal?("subscribers unbounded", "\(error)")
        }
        socket.onMessage = { message in
            guard message.count == 1, let kind = message[0].first, kind <= 1 else { return }
            // Whoever is not admitted any more ends with this; its end takes the subscription back.
            if kind == 1 { _ = self.guardian?.admits(message, to: socket) }
            let topic = Array(message[0].dropFirst())
            if kind == 1 {
                self.subscriptions.add(topic)
            } else {
                self.subscriptions.remove(topic)
            }
            self.audience.note(isPresent: !self.subscriptions.isEmpty)
        }
    }

    /// Listens again as soon as the port is free.
    private func renew(_ mark: Int) {
        guard !isClosed else { return }
        do throws(BusError) {
            take(try makeSocket(mark, endpoint))
        } catch {
            reactor.run(after: BusLimits.publishPause) { self.renew(mark) }
        }
    }
}

/// How many published messages may wait for each subscriber.
///
/// The library bounds messages, not bytes; it does not tell for whom they wait, and a mark that is
/// changed while peers are connected makes it wait for ever for news of those that had read
/// everything. So when more bytes wait than may, all connections end: who reads comes back at
/// once, and who comes back is allowed no more messages than make the bytes that one may have.
struct PublishMark {
    private var mark = BusLimits.publishMark
    /// The longest message so far, in bytes.
    private var longest = 0

    /// The new mark, if a message of so many bytes is one too many while so many wait.
    mutating func lowered(by byteCount: Int, waiting: Int) -> Int? {
        longest = max(longest, byteCount)
        let fitting = max(1, min(mark, BusLimits.publishBytes / longest))
        let limit = fitting < mark ? BusLimits.publishBytes : BusLimits.publishTotal
        guard waiting + byteCount > limit else { return nil }
        mark = fitting
        return mark
    }
}

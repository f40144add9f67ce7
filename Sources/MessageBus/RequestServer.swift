public import Logging
internal import MessagePack
public import Telemetry

/// Hears the requests to one instance, has each done once or not at all, and answers.
///
/// Used on the bus's reactor only. `onRequest` is called on it for each request that is to be
/// done; ``answer(_:code:text:result:)`` is told what became of it, at once or later, once. It
/// listens until ``close()``.
public final class RequestServer {
    /// A request that is to be done.
    public struct Call: Hashable, Sendable {
        /// What is asked.
        public let request: Request
        /// Who asks.
        public let peer: Peer
    }

    private let timeSource: any TimeSource
    /// Why who sent a request may not have it done; nil if it may.
    public typealias Refusal = (code: ReplyCode, text: String)

    private let undecoded: Set<String>
    private let authorize: (Call) -> Refusal?
    private let onRequest: (Call) -> Void
    private let onSettled: (Call, RequestLedger.Verdict) -> Void
    private var ledger: RequestLedger
    private var socket: (any RequestSocket)?
    private var joined: [[UInt8]: [Peer]] = [:]
    private var lost = 0

    /// What was dropped, by reason.
    public private(set) var drops: DropCounter

    /// Listens at `binding` for requests to `target` in `epoch`.
    ///
    /// The arguments of actions in `undecoded` are left to whoever does them: they come as `.bytes`
    /// of their MessagePack.
    ///
    /// `authorize` is asked about each request, also one that was asked before, and before anything
    /// else is told about it. `onSettled` hears of requests that the ledger refuses, or has
    /// answered before.
    ///
    /// - Throws: ``BusError``.
    public init(
        bus: any Bus,
        binding: Binding,
        ledger: RequestLedger,
        timeSource: any TimeSource,
        logger: Logger,
        undecoded: Set<String> = [],
        authorize: @escaping (Call) -> Refusal? = { _ in nil },
        onSettled: @escaping (Call, RequestLedger.Verdict) -> Void = { _, _ in },
        onRequest: @escaping (Call) -> Void
    ) throws(BusError) {
        self.timeSource = timeSource
        self.undecoded = undecoded
        self.authorize = authorize
        self.onRequest = onRequest
        self.onSettled = onSettled
        self.ledger = ledger
        drops = DropCounter(logger: logger, timeSource: timeSource)
        socket = try bus.bindRequests(binding) { peer, bytes in self.receive(bytes, from: peer) }
        socket?.onRefusal = { [weak self] reason, detail in self?.refused(reason, detail) }
    }

    /// Counts what was refused beside requests, and logs it once a minute; `reason` is constant.
    public func refused(_ reason: String, _ detail: String) {
        drops.count(reason, detail: detail)
    }

    /// From now on the instance is in another epoch.
    public func follow(epoch: Int64) { ledger.follow(epoch: epoch) }

    /// Where it listens, nil once it is closed.
    public var endpoint: BusEndpoint? { socket?.endpoint }

    /// Replies that reached nobody, as their peers were gone.
    public var unroutable: Int { socket?.unroutable ?? lost }

    /// Answers a request that ``onRequest`` was called with.
    public func answer(
        _ call: Call,
        code: ReplyCode = .ok,
        text: String = "",
        result: Value = .null
    ) {
        let reply = reply(to: call.request.id, code, text, result)
        ledger.finish(reply)
        let bytes = reply.heapBytes
        if !joined.isEmpty, let peers = joined.removeValue(forKey: call.request.id) {
            for peer in peers { bytes.withBytes { _ = socket?.reply(to: peer, $0) } }
        }
        socket?.reply(to: call.peer, bytes)
    }

    /// Answers a request without effect, of which nothing is remembered.
    public func answer(_ call: Call, result: LongResult) {
        let reply = reply(to: call.request.id, .ok, "", .null)
        socket?.reply(to: call.peer, reply.heapBytes(with: result))
    }

    /// Listens no more; answers that are still to come reach nobody.
    public func close() {
        lost = unroutable
        socket?.close()
        socket = nil
    }

    private func receive(_ bytes: UnsafeRawBufferPointer, from peer: Peer) {
        let request: Request
        do {
            request = try Request(bytes: bytes, undecoded: undecoded)
        } catch {
            drops.count("malformed request", detail: "from \(peer.address ?? "?"): \(error)")
            guard let id = Wire.id(of: bytes) else { return }
            let code =
                if case .version = error { ReplyCode.requestVersion } else {
                    ReplyCode.requestMalformed
                }
            return send(reply(to: id, code, error.description, .null), to: peer)
        }
        let call = Call(request: request, peer: peer)
        if let refusal = authorize(call) {
            return send(reply(to: request.id, refusal.code, refusal.text, .null), to: peer)
        }
        let verdict = ledger.admit(request, from: peer.user)
        switch verdict {
        case .run, .runWithoutEffect: return onRequest(call)
        case .answered(let reply): send(reply, to: peer)
        case .joined:
            var peers = joined[request.id] ?? []
            if peers.count >= BusLimits.mostWaiting { peers.removeFirst() }
            joined[request.id] = peers + [peer]
        case .refused(let code, let text):
            send(reply(to: request.id, code, text, .null), to: peer)
        }
        onSettled(call, verdict)
    }

    private func reply(
        to id: [UInt8],
        _ code: ReplyCode,
        _ text: String,
        _ result: Value
    ) -> Reply {
        Reply(
            id: id,
            code: code,
            text: text,
            result: result,
            clock: timeSource.now,
            epoch: ledger.epoch
        )
    }

    private func send(_ reply: Reply, to peer: Peer) { socket?.reply(to: peer, reply.heapBytes) }
}

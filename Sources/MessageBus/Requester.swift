public import Logging
public import MessagePack
public import Telemetry
internal import ZeroMQ

/// Why a request has no reply.
public enum RequestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection was established in time: nothing was asked.
    case unreachable(BusEndpoint, reason: String)
    /// No reply came in time; whether it was done is not known.
    case timedOut(BusEndpoint, action: String)
    /// The reply is of another version, or none; whether it was done is not known.
    case unreadable(BusEndpoint, action: String, WireError)
    /// The caller was cancelled; where `wasSent`, whether it was done is not known.
    case cancelled(wasSent: Bool)
    /// Too many requests are under way, or this one is too long: nothing was asked.
    case refused(String)

    /// Where, why, and whether anything was done.
    public var description: String {
        switch self {
        case .unreachable(let endpoint, let reason):
            "\(endpoint) is not reachable: \(reason); nothing was asked of it"
        case .timedOut(let endpoint, let action):
            "no reply to `\(action)` from \(endpoint) in time: whether it was done is not known; "
                + "ask for the status"
        case .unreadable(let endpoint, let action, let error):
            "the reply to `\(action)` from \(endpoint) cannot be read, so whether it was done is "
                + "not known: \(error)"
        case .cancelled(let wasSent):
            wasSent ? "cancelled; whether it was done is not known" : "cancelled, nothing was asked"
        case .refused(let reason): "not asked: \(reason)"
        }
    }

    /// The exit code of the command line.
    public var exitCode: Int32 {
        switch self {
        case .unreachable: 3
        case .timedOut: 5
        case .unreadable, .cancelled, .refused: 1
        }
    }
}

/// Asks the instance behind one endpoint, and matches its replies with what was asked.
///
/// Requests wait for an established connection, and go out once: after a lost connection they wait
/// for their timeout, as the reply may be lost. A connection may stand and carry nothing, where
/// something between its ends hangs: one that was silent for ``BusLimits/silence`` when a request
/// runs out of time is made anew. Runs on the bus's reactor.
public actor Requester {
    private struct Pending {
        let bytes: [UInt8]
        let action: String
        /// When it fails: where it has not gone out by then, or has no reply.
        var deadline: Duration
        let replyDeadline: Duration
        let read: @Sendable (MessagePackView) -> Value?
        var wasSent = false
        var continuation: CheckedContinuation<Result<Reply, RequestError>, Never>?
        var outcome: Result<Reply, RequestError>?
    }

    /// Where the instance listens.
    public nonisolated let endpoint: BusEndpoint

    private let bus: any Bus
    private let timeSource: any TimeSource
    private var pending: [[UInt8]: Pending] = [:]
    private var order: [[UInt8]] = []
    private var connection: (any RequestConnection)?
    /// Since when requests are out on the connection and nothing has come.
    private var silentSince: Duration?
    private var clockOffset: Duration?
    private var alarm = Alarm()
    private var isClosed = false

    /// What was dropped: replies that are none, or that nobody waits for.
    public private(set) var drops: DropCounter

    /// The reactor of the bus.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    /// A requester that connects with its first request.
    public init(
        bus: any Bus,
        endpoint: BusEndpoint,
        timeSource: any TimeSource,
        logger: Logger
    ) {
        self.bus = bus
        self.endpoint = endpoint
        self.timeSource = timeSource
        drops = DropCounter(logger: logger, timeSource: timeSource)
    }

    /// Tells what the target's clock shows now, from a heartbeat; replies tell it as well.
    public func noteClock(of target: Timestamp) { clockOffset = target - timeSource.now }

    /// Asks, and waits for the reply, `timeout` at most.
    ///
    /// The request expires with the timeout on the target's clock, once a reply or
    /// ``noteClock(of:)`` has told that clock. A `Reply` says itself what became of the request.
    ///
    /// `epoch` is that of the target, or 0 for actions without effect; `asker` is for whom it is
    /// asked; `id` is nil, or that of an earlier request that is repeated. It may wait `connecting`
    /// at most for a connection, else its whole time. `read` makes the result of what stands in
    /// the reply, on the bus's reactor.
    ///
    /// - Returns: the reply, whatever its code.
    /// - Throws: ``RequestError``.
    public func request(
        _ action: String,
        target: String,
        epoch: Int64 = 0,
        arguments: Value = .null,
        timeout: Duration,
        connecting: Duration? = nil,
        asker: Asker? = nil,
        id: [UInt8]? = nil,
        reading read: @escaping @Sendable (MessagePackView) -> Value? = { $0.value }
    ) async throws(RequestError) -> Reply {
        let request = Request(
            id: id ?? RequestID.random(),
            action: action,
            target: target,
            targetEpoch: epoch,
            expiry: clockOffset.map { timeSource.now + $0 + timeout },
            arguments: arguments,
            asker: asker
        )
        let bytes = request.bytes
        try check(request, byteCount: bytes.count)
        try open()
        let now = timeSource.monotonic
        pending[request.id] = Pending(
            bytes: bytes,
            action: action,
            deadline: now + min(connecting ?? timeout, timeout),
            replyDeadline: now + timeout,
            read: read
        )
        order.append(request.id)
        flush()
        if let entry = pending[request.id] { wake(at: entry.deadline) }
        let result = await withTaskCancellationHandler {
            await outcome(of: request.id)
        } onCancel: {
            bus.reactor.run { self.assumeIsolated { $0.expire(request.id, isCancelled: true) } }
        }
        return try result.get()
    }

    private func wake(at deadline: Duration) {
        alarm.set(at: deadline, of: timeSource) { [weak self] in self?.ring() }
    }

    private nonisolated func ring() {
        bus.reactor.run { self.assumeIsolated { $0.expireDue() } }
    }

    private func expireDue() {
        alarm.clear()
        let now = timeSource.monotonic
        for (id, entry) in pending where entry.deadline <= now { expire(id, isCancelled: false) }
        if let next = pending.values.map(\.deadline).min() { wake(at: next) }
    }

    /// Whether the connection is established, so that a request would go out at once.
    public var isConnected: Bool { connection?.state.isConnected ?? false }

    /// Ends the connection; what waits for a reply fails.
    public func close() {
        isClosed = true
        connection?.close()
        connection = nil
        alarm.clear()
        for (id, entry) in pending {
            settle(
                id,
                .failure(
                    entry.wasSent
                        ? .timedOut(endpoint, action: entry.action)
                        : .unreachable(endpoint, reason: "the connection was closed here")
                )
            )
        }
    }

    private func check(_ request: Request, byteCount: Int) throws(RequestError) {
        guard !isClosed else { throw .refused("the connection was closed here") }
        guard pending.count < BusLimits.mostPending else {
            throw .refused("\(pending.count) requests are under way")
        }
        guard pending[request.id] == nil else { throw .refused("its id is under way already") }
        guard byteCount <= BusLimits.longestRequest else {
            throw .refused(
                "it has \(byteCount) bytes, \(BusLimits.longestRequest) are possible"
            )
        }
    }

    private func open() throws(RequestError) {
        guard connection == nil else { return }
        do throws(BusError) {
            connection = try bus.connect(
                to: endpoint,
                onReply: { [weak self] bytes in
                    guard let self else { return }
                    let id = Wire.id(of: bytes)
                    let read = self.assumeIsolated { $0.reader(of: id) }
                    let reply = Result { () throws(WireError) in
                        try Reply(bytes: bytes, reading: read)
                    }
                    self.assumeIsolated { $0.receive(reply, id) }
                },
                onState: { [weak self] state in
                    guard let self else { return }
                    self.assumeIsolated { $0.follow(state) }
                }
            )
        } catch {
            throw .unreachable(endpoint, reason: error.description)
        }
    }

    private func follow(_ state: ConnectionState) {
        if state.isConnected { return flush() }
        // What was out on it gets no reply any more.
        silentSince = nil
    }

    /// Connects anew for what waits, or with the next request.
    private func reconnect() {
        silentSince = nil
        connection?.close()
        connection = nil
        // What cannot go out now runs out of time, and says that nothing was asked.
        if !order.isEmpty { try? open() }
    }

    /// Sends what waits, in the order in which it was asked, until the connection takes no more.
    private func flush() {
        var sent = 0
        for id in order {
            if let entry = pending[id] {
                guard connection?.send(entry.bytes) == true else { break }
                pending[id]?.wasSent = true
                pending[id]?.deadline = entry.replyDeadline
                silentSince = silentSince ?? timeSource.monotonic
            }
            sent += 1
        }
        order.removeFirst(sent)
    }

    /// What reads the result of the request `id`; of one that nobody waits for there is none.
    private func reader(of id: [UInt8]?) -> @Sendable (MessagePackView) -> Value? {
        guard let id, let entry = pending[id] else { return { _ in .null } }
        return entry.read
    }

    /// Takes a reply, or why it is none; `id` is that of the request even where it cannot be read.
    private func receive(_ result: Result<Reply, WireError>, _ id: [UInt8]?) {
        switch result {
        case .success(let reply):
            clockOffset = reply.clock - timeSource.now
            silentSince = nil
            if pending[reply.id] == nil {
                drops.count("reply nobody waits for", detail: "from \(endpoint)")
            } else {
                settle(reply.id, .success(reply))
            }
        case .failure(let error):
            drops.count("malformed reply", detail: "from \(endpoint): \(error)")
            guard let id, let action = pending[id]?.action else { return }
            silentSince = nil
            settle(id, .failure(.unreadable(endpoint, action: action, error)))
        }
    }

    private func outcome(of id: [UInt8]) async -> Result<Reply, RequestError> {
        if let outcome = pending[id]?.outcome {
            forget(id)
            return outcome
        }
        return await withCheckedContinuation { pending[id]?.continuation = $0 }
    }

    private func settle(_ id: [UInt8], _ result: Result<Reply, RequestError>) {
        guard let entry = pending[id], entry.outcome == nil else { return }
        if let continuation = entry.continuation {
            forget(id)
            continuation.resume(returning: result)
        } else {
            pending[id]?.outcome = result
        }
    }

    /// Without anything that runs out of time nobody has to be woken for it.
    private func forget(_ id: [UInt8]) {
        pending[id] = nil
        if pending.isEmpty { alarm.clear() }
    }

    private func expire(_ id: [UInt8], isCancelled: Bool) {
        guard let entry = pending[id] else { return }
        if !entry.wasSent { order.removeAll { $0 == id } }
        if isCancelled {
            settle(id, .failure(.cancelled(wasSent: entry.wasSent)))
        } else if entry.wasSent {
            settle(id, .failure(.timedOut(endpoint, action: entry.action)))
            if let silentSince, timeSource.monotonic - silentSince >= BusLimits.silence {
                reconnect()
            }
        } else {
            var reason = "no connection within the time given"
            if case .disconnected(let why) = connection?.state { reason = why }
            settle(id, .failure(.unreachable(endpoint, reason: reason)))
        }
    }
}

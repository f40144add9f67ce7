public import Telemetry

/// What has been asked of one instance: it makes a request run once or not at all.
///
/// A value, without sockets or threads: ``admit(_:)`` tells what to do with a request, and
/// ``finish(_:)`` what was done. The last ``BusLimits/rememberedRequests`` and all of the last
/// ``BusLimits/rememberedFor`` are remembered, so a request that is repeated in that time gets the
/// first answer. Actions without effect are neither remembered nor bound to an epoch.
public struct RequestLedger: Sendable {
    /// What to do with a request.
    public enum Verdict: Hashable, Sendable {
        /// Do it; it has an effect, so ``RequestLedger/finish(_:)`` is called with its answer.
        case run
        /// Do it; nothing is remembered.
        case runWithoutEffect
        /// It was done: this is the first answer.
        case answered(Reply)
        /// It is being done: the answer that comes is for this request too.
        case joined
        /// Do nothing but say so.
        case refused(ReplyCode, String)
    }

    private struct Entry {
        let content: Int
        var reply: Reply?
        var finished: Duration = .zero
        var byteCount = 0
    }

    /// The instance that is asked.
    public let target: String
    /// Its epoch.
    public private(set) var epoch: Int64
    private let withoutEffect: Set<String>
    private let timeSource: any TimeSource
    private var entries: [[UInt8]: Entry] = [:]
    /// In the order of finishing, so that the oldest answers go first.
    private var finishedOrder: [[UInt8]] = []
    private var firstFinished = 0
    private var byteCount = 0
    private var running = 0

    /// The ledger of the instance `target` in `epoch`; `withoutEffect` are the actions that may be
    /// done twice.
    public init(
        target: String,
        epoch: Int64,
        withoutEffect: Set<String>,
        timeSource: any TimeSource
    ) {
        self.target = target
        self.epoch = epoch
        self.withoutEffect = withoutEffect
        self.timeSource = timeSource
    }

    /// From now on the instance is in another epoch; what was asked in the last one is remembered.
    public mutating func follow(epoch: Int64) { self.epoch = epoch }

    /// How many requests are remembered.
    public var count: Int { entries.count }

    /// Tells what to do with `request` of `user`, by what the handshake proved.
    public mutating func admit(_ request: Request, from user: String? = nil) -> Verdict {
        guard request.target == target else {
            return .refused(
                .requestStale,
                "this is \(target), not \(request.target): ask the registry where it is now"
            )
        }
        let hasEffect = !withoutEffect.contains(request.action)
        // Before the checks of epoch and time: a repeated request is late, and was done.
        if hasEffect, let entry = entries[request.id] {
            guard entry.content == Self.content(of: request, from: user) else {
                return .refused(
                    .requestDuplicateID,
                    "another request had this id: use an id of its own"
                )
            }
            return entry.reply.map(Verdict.answered) ?? .joined
        }
        if let verdict = staleness(request, hasEffect: hasEffect) { return verdict }
        guard hasEffect else { return .runWithoutEffect }
        forget()
        guard running < BusLimits.mostRunning, entries.count < BusLimits.mostRemembered,
            byteCount < BusLimits.mostRememberedBytes
        else {
            return .refused(
                .requestTooMany,
                "\(entries.count) requests of the last 10 minutes, \(running) of them under way"
            )
        }
        entries[request.id] = Entry(content: Self.content(of: request, from: user))
        running += 1
        return .run
    }

    /// Remembers the answer of a request that ran.
    public mutating func finish(_ reply: Reply) {
        guard var entry = entries[reply.id], entry.reply == nil else { return }
        entry.reply = reply
        entry.finished = timeSource.monotonic
        entry.byteCount = reply.bytes.count
        entries[reply.id] = entry
        finishedOrder.append(reply.id)
        byteCount += entry.byteCount
        running -= 1
    }

    private func staleness(_ request: Request, hasEffect: Bool) -> Verdict? {
        if request.targetEpoch != epoch, hasEffect || request.targetEpoch != 0 {
            return .refused(
                .requestStale,
                request.targetEpoch == 0
                    ? "`\(request.action)` needs the epoch of \(target), which is \(epoch)"
                    : "\(target) has restarted: its epoch is \(epoch), not \(request.targetEpoch)"
            )
        }
        guard let expiry = request.expiry, timeSource.now > expiry else { return nil }
        let late = (timeSource.now - expiry).inSeconds
        return .refused(
            .requestStale,
            "the request came \(late) s too late: nothing was done, ask again"
        )
    }

    private mutating func forget() {
        let now = timeSource.monotonic
        while entries.count >= BusLimits.rememberedRequests, firstFinished < finishedOrder.count {
            let id = finishedOrder[firstFinished]
            guard let entry = entries[id], now - entry.finished >= BusLimits.rememberedFor else {
                break
            }
            entries[id] = nil
            byteCount -= entry.byteCount
            firstFinished += 1
        }
        if firstFinished > BusLimits.rememberedRequests {
            finishedOrder.removeFirst(firstFinished)
            firstFinished = 0
        }
    }

    /// What the request says and for whom, without until when: nobody hears another's answer.
    private static func content(of request: Request, from user: String?) -> Int {
        var hasher = Hasher()
        hasher.combine(user)
        hasher.combine(request.asker)
        hasher.combine(request.action)
        hasher.combine(request.targetEpoch)
        hasher.combine(request.arguments)
        return hasher.finalize()
    }
}

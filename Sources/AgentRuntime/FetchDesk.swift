internal import Log
internal import Telemetry
internal import ZeroMQ

/// Answers fetches: from memory at once, else on a thread of its own, since it reads files.
///
/// There is no task behind a fetch: its hops would cost more than what it brings.
final class FetchDesk: Sendable {
    private let thread: Reactor
    private let log: AgentLog
    private let time: any TimeSource

    init(log: AgentLog, time: any TimeSource) throws {
        self.log = log
        self.time = time
        thread = try Reactor()
    }

    /// Calls `answer`, once and on any thread, with the records after a position; waits up to
    /// `wait` for the first one, and after that for a beat of `gather`, zero for none: with it come
    /// those that are published soon after, and at that time other agents wake up as well.
    func fetch(
        _ request: FetchRequest,
        wait: Duration,
        gather: Duration,
        answer: @escaping @Sendable (FetchAnswer) -> Void
    ) {
        let deadline = end(of: wait, gather)
        find(request, isNoted: false) { [self] found in
            guard found.count == 0, case .caughtUp = found.state, wait > .zero else {
                return answer(found)
            }
            let end: @Sendable () -> Void = { [self] in
                find(request, isNoted: true, answer)
            }
            log.onRecord(after: request.after, epoch: found.epoch, until: deadline) {
                [self] isThere in
                // The log is locked: whatever follows has a thread to itself.
                guard isThere, gather > .zero else { return thread.run(end) }
                let beat = time.nextBeat(every: gather, after: RuntimeLimits.gatherPhase)
                _ = time.call(atMonotonic: beat, end)
            }
        }
    }

    /// When a wait is over: at the last beat at which somebody may be woken anyway.
    private func end(of wait: Duration, _ gather: Duration) -> Duration {
        let end = time.monotonic + wait
        guard gather > .zero else { return end }
        let beat = time.nextBeat(every: gather, after: RuntimeLimits.gatherPhase)
        guard beat < end else { return end }
        let count = (end - beat).nanoseconds / gather.nanoseconds
        return beat + gather * Int(count)
    }

    private func find(
        _ request: FetchRequest,
        isNoted: Bool,
        _ take: @escaping @Sendable (FetchAnswer) -> Void
    ) {
        if let found = log.fetchAtOnce(request, isNoted: isNoted) { return take(found) }
        thread.run { [log] in take(log.fetch(request, isNoted: isNoted)) }
    }

    /// Ends the thread; nothing may be asked afterwards.
    func close() async { await thread.shutdown() }
}

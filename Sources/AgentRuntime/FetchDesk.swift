internal import Log
internal import Telemetry
internal import ZeroMQ

/// Answers fetches on a thread of its own, since they read files.
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

    /// Calls `answer`, once and on the desk's thread, with the records after a position; waits up
    /// to `wait` for the first one, and after that for a beat of `gather`, zero for none: with it
    /// come those that are published soon after, and at that time other agents wake up as well.
    func fetch(
        _ request: FetchRequest,
        wait: Duration,
        gather: Duration,
        answer: @escaping @Sendable (FetchAnswer) -> Void
    ) {
        let deadline = time.monotonic + wait
        thread.run { [log, thread, time] in
            let found = log.fetch(request)
            guard found.count == 0, case .caughtUp = found.state, wait > .zero else {
                return answer(found)
            }
            let end: @Sendable () -> Void = {
                thread.run { answer(log.fetch(request, isNoted: true)) }
            }
            log.onRecord(after: request.after, epoch: found.epoch, until: deadline) { isThere in
                guard isThere, gather > .zero else { return end() }
                let beat = time.nextBeat(every: gather, after: RuntimeLimits.gatherPhase)
                _ = time.call(atMonotonic: beat, end)
            }
        }
    }

    /// Ends the thread; nothing may be asked afterwards.
    func close() async { await thread.shutdown() }
}

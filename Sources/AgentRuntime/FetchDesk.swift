internal import Log
internal import Telemetry
internal import ZeroMQ

/// Answers fetches on a thread of its own, since they read files.
actor FetchDesk {
    private let thread: Reactor
    private let log: AgentLog
    private let time: any TimeSource

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(log: AgentLog, time: any TimeSource) throws {
        self.log = log
        self.time = time
        thread = try Reactor()
    }

    /// The records after a position; waits up to `wait` for the first one.
    func fetch(_ request: FetchRequest, wait: Duration) async -> FetchAnswer {
        let deadline = time.monotonic + wait
        let answer = log.fetch(request)
        guard answer.count == 0, case .caughtUp = answer.state, wait > .zero else {
            return answer
        }
        await log.waitForRecord(after: request.after, epoch: answer.epoch, until: deadline)
        return log.fetch(request, isNoted: true)
    }

    /// Ends the thread; nothing may be asked afterwards.
    nonisolated func close() async { await thread.shutdown() }
}

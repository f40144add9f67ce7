internal import AgentRuntime
internal import Synchronization

/// The hosts that run, by instance; a task group runs their jobs.
final class Crew: Sendable {
    typealias Job = @Sendable () async -> Void

    /// One host, and how its `run()` ended.
    private final class Member: Sendable {
        private struct End {
            var result: Result<Void, any Error>?
            var waiters: [CheckedContinuation<Result<Void, any Error>, Never>] = []
        }

        let host: AgentHost
        private let end = Mutex(End())

        init(_ host: AgentHost) {
            self.host = host
        }

        func run() async {
            let result: Result<Void, any Error>
            do {
                try await host.run()
                result = .success(())
            } catch { result = .failure(error) }
            let waiters = end.withLock { end in
                end.result = result
                return end.waiters
            }
            for waiter in waiters { waiter.resume(returning: result) }
        }

        func result() async -> Result<Void, any Error> {
            await withCheckedContinuation { waiter in
                let result = end.withLock { end in
                    if end.result == nil { end.waiters.append(waiter) }
                    return end.result
                }
                if let result { waiter.resume(returning: result) }
            }
        }
    }

    /// What a task group has to run, until ``endAll()``.
    let jobs: AsyncStream<Job>
    private let sink: AsyncStream<Job>.Continuation
    private let members = Mutex<[String: Member]>([:])

    init() {
        (jobs, sink) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Runs a host; returns the port of its requests once they are open.
    func begin(_ host: AgentHost, _ instance: String) async throws -> Int {
        let member = Member(host)
        members.withLock { $0[instance] = member }
        sink.yield { await member.run() }
        if let ports = await host.boundPorts() { return ports.requests }
        try await member.result().get()
        throw AgentExit.cannotStart(instance: instance, reason: "it ended at once")
    }

    /// Ends a host in order and waits for that.
    func end(_ instance: String) async {
        guard let member = members.withLock({ $0.removeValue(forKey: instance) }) else { return }
        member.host.shutdown()
        _ = await member.result()
    }

    /// Ends all, the registry last, since the others say good-bye to it.
    func endAll() async {
        let names = members.withLock { Array($0.keys) }
        for name in names where name != "registry" { await end(name) }
        await end("registry")
        sink.finish()
    }
}

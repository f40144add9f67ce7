internal import NIOCore
internal import NIOPosix
internal import Telemetry

/// The one thread that waits for the sockets of all instruments of a process.
enum InstrumentLoop {
    /// Lives as long as the process; instruments are too slow to need a second thread.
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
}

/// A time limit passed, or whoever waited was cancelled.
struct GivenUp: Error {}

extension EventLoopPromise where Value == String {
    /// The answer; nil once `limit` has passed, after which a late one reaches nobody.
    ///
    /// `giveUp` runs on time-out, failure and cancellation, before anybody can ask again.
    func answer(
        within limit: Duration,
        on time: any TimeSource,
        giveUp: @Sendable () -> Void
    ) async throws -> String? {
        let promise = self
        return try await withThrowingTaskGroup(of: String?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await promise.futureResult.get() }
            group.addTask {
                try await time.sleep(for: limit)
                return nil
            }
            do {
                if let answer = try await group.next() ?? nil { return answer }
                giveUp()
                promise.fail(GivenUp())
                return nil
            } catch {
                giveUp()
                promise.fail(GivenUp())
                throw error
            }
        }
    }
}

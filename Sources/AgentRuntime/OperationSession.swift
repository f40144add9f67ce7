public import Telemetry

/// One run of an operation, as its body sees it; stopping and aborting are cancellation.
public struct OperationSession: Sendable {
    private let backing: any SessionBacking

    /// A session over what carries out its requests: the runtime, or a test.
    public init(_ backing: any SessionBacking) {
        self.backing = backing
    }

    /// Where the operation takes its time from.
    public var time: any TimeSource { backing.time }

    /// Publishes one sample: N = 1, one double for each field, nil where one is missing.
    ///
    /// Returns when the agent's log has it: from then on it reaches the archive exactly once.
    /// - Throws: ``PublishError``.
    public func publish(
        _ feed: Feed,
        at timestamp: Timestamp,
        _ values: [Double?]
    ) async throws {
        let columns = values.map { Column.doubles([$0]) }
        try await publish(feed, Block(timestamps: [timestamp], columns: columns))
    }

    /// Publishes one block; returns when the agent's log has it.
    /// - Throws: ``PublishError``.
    public func publish(_ feed: Feed, _ block: Block) async throws {
        try await backing.publish(feed, [block])
    }

    /// Publishes several blocks, each a record of its own, in one trip to the log.
    /// - Throws: ``PublishError``; then none of them is kept, except that those are which still fit
    ///   when the spool cannot be written and its memory is full.
    public func publish(_ feed: Feed, _ blocks: [Block]) async throws {
        try await backing.publish(feed, blocks)
    }

    /// The first instant comes at once, the others when the monotonic clock shows multiples of
    /// `period`, until the session is stopped.
    ///
    /// So all agents of a host that sample at the same rate do so at the same time, which makes
    /// their samples comparable, and wakes whoever hears of them once. The second instant follows
    /// the first by half a period or more. A tick that was missed because the body took too long is
    /// left out, not made up for.
    public func ticks(every period: Duration) -> Ticks {
        Ticks(time: time, period: period)
    }

    /// The operation does its job (again): `running`.
    public func markHealthy() { backing.setDegraded(nil) }

    /// The operation runs without doing its job: `degraded`, with the reason.
    public func markDegraded(because reason: any Error) {
        backing.setDegraded("\(reason)")
    }

    /// Adds a line to the session's messages, of which the last 100 are kept.
    public func log(_ message: String) { backing.log(message) }

    /// Sets one entry of the session's data, at most 64 of them and 64 KiB in all.
    public func set(_ key: String, _ value: Value) { backing.setData(key, value) }

    /// Says how far a long operation has come, from 0 to 1.
    public func progress(_ fraction: Double) {
        backing.setData("progress", .double(min(max(fraction, 0), 1)))
    }

    /// Raises a fault of the agent; the same id and subject again changes its text only.
    public func raise(
        _ id: String,
        _ severity: Fault.Severity,
        _ text: String,
        subject: String = ""
    ) {
        backing.raise(
            Fault(id: id, severity: severity, since: time.now, text: text, subject: subject)
        )
    }

    /// Clears a fault; nothing happens if it is not raised.
    public func clear(_ id: String, subject: String = "") {
        backing.clear(id, subject: subject)
    }
}

/// What carries out the requests of an ``OperationSession``: the runtime, or a test.
public protocol SessionBacking: Sendable {
    /// Where the operation takes its time from.
    var time: any TimeSource { get }
    /// Writes the blocks to the log, each a record of its own.
    func publish(_ feed: Feed, _ blocks: [Block]) async throws
    /// Nil: running; a text: degraded because of it.
    func setDegraded(_ reason: String?)
    /// Adds a message.
    func log(_ message: String)
    /// Sets one entry of the data.
    func setData(_ key: String, _ value: Value)
    /// Raises a fault.
    func raise(_ fault: Fault)
    /// Clears a fault.
    func clear(_ id: String, subject: String)
}

/// Why `publish` refuses a block; nothing of it is kept then.
public enum PublishError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The agent does not declare the feed.
    case unknownFeed(String)
    /// The block does not fit the feed.
    case block(TelemetryError)
    /// The log can take no more: the disk refuses and the memory limit is reached.
    case log(String)

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .unknownFeed(let name): "the agent does not declare a feed \(name)"
        case .block(let error): error.description
        case .log(let reason): "the spool takes nothing: \(reason)"
        }
    }
}

/// Instants at multiples of a period; ends when its task is cancelled.
public struct Ticks: AsyncSequence, Sendable {
    let time: any TimeSource
    let period: Duration

    /// The wall-clock instants; a wall clock that is set changes them, not their spacing.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let time: any TimeSource
        let period: Duration
        var first: Duration?

        /// The next instant, nil once the task is cancelled.
        public mutating func next() async -> Timestamp? {
            do { try await time.sleep(untilMonotonic: following()) } catch { return nil }
            return Task.isCancelled ? nil : time.now
        }

        private mutating func following() -> Duration {
            let now = time.monotonic
            guard let first else {
                first = now
                return now
            }
            let beat = time.nextBeat(every: Swift.max(period, .nanoseconds(1)))
            // Also where the first came just before a beat.
            return beat < first + period / 2 ? beat + period : beat
        }
    }

    /// Begins now: the first instant comes at once.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(time: time, period: period)
    }
}

/// An instrument that does not answer as its protocol says; degrades a session, never ends it.
public enum InstrumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection to the address.
    case unreachable(address: String, reason: String)
    /// No answer within the time limit.
    case silent(address: String, after: Duration)
    /// An answer that the protocol does not know.
    case garbled(address: String, found: String, expected: String)
    /// The instrument refused.
    case refused(address: String, reason: String)

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .unreachable(let address, let reason): "\(address) is not reachable: \(reason)"
        case .silent(let address, let limit): "no reply from \(address) within \(limit.inSeconds) s"
        case .garbled(let address, let found, let expected):
            "\(address) answered `\(found.prefix(80))`; expected \(expected)"
        case .refused(let address, let reason): "\(address) refused: \(reason)"
        }
    }
}

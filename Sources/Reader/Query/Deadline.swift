internal import Synchronization
internal import Telemetry

/// When a query has to be done: once its time is over, or as soon as nobody waits for it.
struct Deadline: Sendable {
    private let time: any TimeSource
    private let end: Duration
    private let limit: Duration
    private let stop: StopSign

    init(_ time: any TimeSource, after limit: Duration, stop: StopSign = StopSign()) {
        self.time = time
        self.limit = limit
        self.stop = stop
        end = time.monotonic + limit
    }

    /// Whether to stop; long work asks now and then.
    var isOver: Bool { stop.isSet || time.monotonic >= end }

    /// Throws ``QueryError/stopped`` or ``QueryError/timeout(_:)`` once it is over.
    func check() throws(QueryError) {
        guard !stop.isSet else { throw .stopped }
        guard time.monotonic < end else { throw .timeout(limit) }
    }
}

/// Tells work on another thread that nobody wants it any more.
final class StopSign: Sendable {
    private let flag = Atomic(false)

    /// Whether the work is to end.
    var isSet: Bool { flag.load(ordering: .relaxed) }

    /// Ends the work.
    func set() { flag.store(true, ordering: .relaxed) }
}

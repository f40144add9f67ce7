import Synchronization
import Telemetry

/// The time of a whole simulation, which only the simulation moves.
final class SimulatedTime: Sendable {
    static let start = Timestamp(seconds: 1_795_237_800)
    private let passed = Mutex(Duration.zero)

    var monotonic: Duration {
        get { passed.withLock { $0 } }
        set { passed.withLock { $0 = newValue } }
    }

    /// The instant that good clocks show.
    var now: Timestamp { Self.start + monotonic }
}

/// The clocks of one host, whose wall clock may be wrong.
final class SimulatedClock: TimeSource {
    let time: SimulatedTime
    private let offset = Mutex(Duration.zero)

    init(_ time: SimulatedTime) {
        self.time = time
    }

    var now: Timestamp { time.now + offset.withLock { $0 } }
    var monotonic: Duration { time.monotonic }

    /// Sets the wall clock.
    func set(_ instant: Timestamp) {
        let right = time.now
        offset.withLock { $0 = instant - right }
    }

    /// Nobody sleeps in a simulation: it goes on when the next step is taken.
    func sleep(untilMonotonic deadline: Duration) async throws {
        throw CancellationError()
    }
}

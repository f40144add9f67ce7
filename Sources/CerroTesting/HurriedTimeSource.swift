public import Telemetry

/// Clocks that run faster than those of the machine, so that a lease of 5 s is over in a moment.
///
/// For tests of a whole observatory, in which too many sleep for a clock that somebody moves.
public struct HurriedTimeSource: TimeSource {
    private let speed: Int
    private let machine = SystemTimeSource()
    private let start: Timestamp
    private let origin: Duration

    /// Clocks that show the time of the machine now, and go `speed` times as fast.
    public init(speed: Int) {
        self.speed = speed
        start = machine.now
        origin = machine.monotonic
    }

    /// The wall clock.
    public var now: Timestamp { start + monotonic }
    /// Time since the clocks were made.
    public var monotonic: Duration { (machine.monotonic - origin) * speed }

    /// Sleeps until the hurried clock shows `deadline`.
    public func sleep(untilMonotonic deadline: Duration) async throws {
        try await machine.sleep(untilMonotonic: origin + deadline / speed)
    }
}

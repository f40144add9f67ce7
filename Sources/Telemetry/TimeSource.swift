import Glibc

/// Where a process takes its time from: the wall clock dates samples, the monotonic one measures
/// intervals, and both come in from outside so that a test can hold them.
public protocol TimeSource: Sendable {
    /// The wall clock; may jump when somebody sets it.
    var now: Timestamp { get }
    /// Time since an arbitrary start; never runs backwards and never jumps.
    var monotonic: Duration { get }
    /// Suspends until the monotonic clock shows `deadline`; throws `CancellationError` when
    /// cancelled before.
    func sleep(untilMonotonic deadline: Duration) async throws
}

extension TimeSource {
    /// Suspends for `duration` of the monotonic clock.
    public func sleep(for duration: Duration) async throws {
        try await sleep(untilMonotonic: monotonic + duration)
    }

    /// The next time at which the monotonic clock shows a multiple of `period`, in all processes of
    /// a machine the same: what they do together wakes those whom it reaches once, and a wake-up
    /// costs many times what is done.
    public func nextBeat(every period: Duration) -> Duration {
        .nanoseconds((monotonic.nanoseconds / period.nanoseconds + 1) * period.nanoseconds)
    }
}

/// The clocks of the machine.
public struct SystemTimeSource: TimeSource {
    /// The clocks of the machine.
    public init() {}

    /// The wall clock of the machine.
    public var now: Timestamp {
        let time = Self.read(CLOCK_REALTIME)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// The time since the machine started, without the time that it slept.
    public var monotonic: Duration {
        let time = Self.read(CLOCK_MONOTONIC)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Suspends the task until `deadline`, to the kernel's precision.
    public func sleep(untilMonotonic deadline: Duration) async throws {
        try Task.checkCancellation()
        if deadline > monotonic { try await SleepClock.shared.sleep(until: deadline) }
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}

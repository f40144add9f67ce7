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
    /// Calls `body` once the monotonic clock shows `deadline`, on some thread that it must not hold
    /// up; returns what cancels that.
    func call(
        atMonotonic deadline: Duration,
        _ body: @escaping @Sendable () -> Void
    )
        -> @Sendable () -> Void
}

extension TimeSource {
    /// Suspends for `duration` of the monotonic clock.
    public func sleep(for duration: Duration) async throws {
        try await sleep(untilMonotonic: monotonic + duration)
    }

    /// Calls `body` from a task that sleeps until then.
    public func call(
        atMonotonic deadline: Duration,
        _ body: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        // It outlives whoever asked by the rest of its sleep at most, and holds nothing else.
        let task = Task {
            do { try await sleep(untilMonotonic: deadline) } catch { return }
            body()
        }
        return { task.cancel() }
    }

    /// The next time at which the monotonic clock shows a multiple of `period`, or a `phase` more.
    ///
    /// It is the same in all processes of a machine: what they do together wakes those whom it
    /// reaches once, and a wake-up costs many times what is done.
    public func nextBeat(every period: Duration, after phase: Duration = .zero) -> Duration {
        let passed = monotonic - phase
        guard passed >= .zero else { return phase }
        let count = passed.nanoseconds / period.nanoseconds + 1
        return phase + .nanoseconds(count * period.nanoseconds)
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

    /// Calls `body` on the thread that waits for all times of the process.
    public func call(
        atMonotonic deadline: Duration,
        _ body: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        let id = SleepClock.shared.call(at: deadline, body)
        return { SleepClock.shared.cancel(id) }
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}

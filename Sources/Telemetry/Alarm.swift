/// Rings at the earliest of many deadlines, most of which nobody waits for any more by then.
///
/// One timer serves all of them: a timer for each would cost more than what it guards. Who is rung
/// looks at what is due, and sets the alarm to the next deadline.
public struct Alarm: Sendable {
    private var timer: (deadline: Duration, task: Task<Void, Never>)?

    /// An alarm that is not set.
    public init() {}

    /// Has `ring` called at `deadline` of the monotonic clock, or at an earlier one that is set.
    public mutating func set(
        at deadline: Duration,
        of time: any TimeSource,
        _ ring: @escaping @Sendable () async -> Void
    ) {
        if let timer, timer.deadline <= deadline { return }
        timer?.task.cancel()
        // It outlives whoever sets it by the rest of its sleep at most, and holds nothing.
        let task = Task {
            do { try await time.sleep(untilMonotonic: deadline) } catch { return }
            await ring()
        }
        timer = (deadline, task)
    }

    /// Forgets what is set: because it has rung, or because nobody waits any more.
    public mutating func clear() {
        timer?.task.cancel()
        timer = nil
    }
}

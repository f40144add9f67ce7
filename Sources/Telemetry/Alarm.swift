/// Rings at the earliest of many deadlines, most of which nobody waits for any more by then.
///
/// One timer serves all of them: a timer for each would cost more than what it guards. Who is rung
/// looks at what is due, and sets the alarm to the next deadline.
public struct Alarm: Sendable {
    private var timer: (deadline: Duration, cancel: @Sendable () -> Void)?

    /// An alarm that is not set.
    public init() {}

    /// Has `ring` called at `deadline` of the monotonic clock, or at an earlier one that is set.
    ///
    /// It is called on some thread, and hands over what is to be done there.
    public mutating func set(
        at deadline: Duration,
        of time: any TimeSource,
        _ ring: @escaping @Sendable () -> Void
    ) {
        if let timer, timer.deadline <= deadline { return }
        timer?.cancel()
        timer = (deadline, time.call(atMonotonic: deadline, ring))
    }

    /// Forgets what is set: because it has rung, or because nobody waits any more.
    public mutating func clear() {
        timer?.cancel()
        timer = nil
    }
}

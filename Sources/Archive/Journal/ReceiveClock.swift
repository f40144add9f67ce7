public import Telemetry

/// When things are received: a wall clock that never runs backwards and is not fooled at once.
///
/// Receive time names the files and cuts them, so a clock that somebody sets must not move it far:
///
/// - A jump ahead of more than an hour is followed only after it has lasted ten minutes; until then
///   the monotonic clock counts. A clock that shows 2100 for a moment leaves no trace.
/// - Behind what it has shown already, receive time goes on at half the pace of the monotonic
///   clock until the wall clock has caught up: files are still cut, at most twice as late, and no
///   two of them overlap.
/// - What an earlier process had received is where a new one goes on.
public struct ReceiveClock: Sendable {
    /// What it showed last.
    public private(set) var last: Timestamp
    /// How far the wall clock was ahead of that; negative where it was behind.
    public private(set) var lead: Duration = .zero
    private var lastMonotonic: Duration?
    private var doubtedSince: Duration?

    /// A clock that goes on behind `last`.
    init(behind last: Timestamp) {
        self.last = last
    }

    /// Whether the wall clock is so far off that people have to know.
    public var isOff: Bool { lead.isClockTrouble }

    /// What it shows when the clocks of the machine show these.
    mutating func read(wall: Timestamp, monotonic: Duration) -> Timestamp {
        defer { lastMonotonic = monotonic }
        guard let lastMonotonic else {
            // How long nobody recorded is not known: any time behind the last one is possible.
            show(max(wall, last), wall)
            return last
        }
        let elapsed = max(.zero, monotonic - lastMonotonic)
        if wall - (last + elapsed) > Limits.clockJump {
            let since = doubtedSince ?? monotonic
            doubtedSince = since
            guard monotonic - since >= Limits.clockDoubt else {
                show(last + elapsed, wall)
                return last
            }
        }
        doubtedSince = nil
        show(max(wall, last + elapsed / 2), wall)
        return last
    }

    private mutating func show(_ instant: Timestamp, _ wall: Timestamp) {
        last = instant
        lead = wall - instant
    }
}

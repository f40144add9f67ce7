internal import Telemetry

/// How many messages are due at a constant rate, and when to look again.
///
/// Message k is due k / rate after the start. At high rates many fall due in one step, so one
/// trip to the log carries them all. Who falls behind by more than `Limits.longestDelay` goes on
/// from there: what was missed is left out, not made up for.
struct Pacer: Sendable {
    private let rate: Double
    private var start: Duration
    private var taken = 0

    /// A pacer whose first message is due at the monotonic time `start`; `rate` is a second's.
    init(rate: Double, from start: Duration) {
        self.rate = rate
        self.start = start
    }

    /// A pacer of messages that are due when the clock shows multiples of their period, the first
    /// at the last one.
    init(rate: Double, onBeatsOf time: any TimeSource) {
        let period = Duration.nanoseconds(Int64(max(1e9 / rate, 1)))
        self.init(rate: rate, from: time.nextBeat(every: period) - period)
    }

    /// When the next message is due, in monotonic time.
    var next: Duration { start + .nanoseconds(Int64((Double(taken) / rate * 1e9).rounded())) }

    /// When to look again: once the next message is due, and not before a step has passed.
    func wake(after now: Duration) -> Duration { max(next, now + Limits.step) }

    /// Takes the messages that are due at `now`, at most `most` of them.
    mutating func take(at now: Duration, most: Int) -> Int {
        if now - next > Limits.longestDelay {
            start += now - next
        }
        // The allowance makes a message due at the very nanosecond that `next` is rounded to.
        let due = ((now - start).inSeconds * rate + 1e-4).rounded(.down) + 1
        let count = min(max(Int(min(due, 1e15)) - taken, 0), most)
        taken += count
        return count
    }
}

/// When a failed instrument may be tried again: exponentially later, spread by chance.
///
/// The wait after the n-th failure in a row is between half of and all of
/// `firstBackoff` times 2^(n - 1), at most `longestBackoff`; the spread keeps the agents of a
/// site from coming back all at once after a power cut.
struct Backoff: Sendable {
    /// Failures in a row.
    private(set) var failures = 0
    /// The monotonic time before which nothing is tried.
    private(set) var notBefore = Duration.zero
    /// Why it failed last.
    private(set) var reason = ""

    /// Whether a try is in order at the monotonic time `now`.
    func mayTry(at now: Duration) -> Bool { failures == 0 || now >= notBefore }

    /// Notes a failure at `now`; `chance` is from 0 to 1.
    mutating func fail(at now: Duration, because reason: String, chance: Double) {
        failures += 1
        self.reason = reason
        let doubled = Limits.firstBackoff * Double(1 << min(failures - 1, 16))
        notBefore = now + min(doubled, Limits.longestBackoff) * (0.5 + 0.5 * chance)
    }

    /// Notes that the instrument does its job.
    mutating func succeed() { self = Backoff() }
}

/// How long to wait before a program that ended is started again: 1, 2, 4 … 30 s.
struct Backoff: Sendable {
    private var failures = 0

    /// The pause after a run of that duration.
    ///
    /// - Parameters:
    ///   - run: how long the program ran; a steady run is forgiven and starts from 1 s.
    ///   - chance: from 0 to 1; spreads the pause by a fifth to both sides, so that programs that
    ///     ended together do not come back together.
    /// - Returns: 0.8 to 1.2 times 1, 2, 4, 8, 16, 30, 30 … s.
    mutating func pause(after run: Duration, chance: Double) -> Duration {
        if run >= Limits.steadyRun { failures = 0 }
        let doubled = Duration.seconds(1 << min(failures, 10))
        failures += 1
        return min(doubled, Limits.longestPause) * (0.8 + 0.4 * chance)
    }
}

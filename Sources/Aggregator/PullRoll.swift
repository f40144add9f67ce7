internal import Telemetry

/// Which instances have a puller, and when those whose puller ended are tried again.
///
/// One whose log cannot be fetched for a while although the registry calls it alive is news: its
/// samples wait in its log, and nobody would look there.
struct PullRoll {
    private struct Failure {
        let since: Duration
        var retry: Duration, wait: Duration
        var isTold = false
    }

    private var pulled: Set<String> = []
    private var failures: [String: Failure] = [:]

    /// The number of instances that have a puller.
    var count: Int { pulled.count }

    /// Takes an instance for a new puller; false where it has one or is not due yet.
    mutating func claim(_ instance: String, at now: Duration) -> Bool {
        guard failures[instance].map({ $0.retry <= now }) ?? true else { return false }
        return pulled.insert(instance).inserted
    }

    /// Notes an answer; returns whether a failure that was told is over.
    mutating func answered(_ instance: String) -> Bool {
        failures.removeValue(forKey: instance)?.isTold ?? false
    }

    /// Notes that a puller failed; returns whether that is to be told now.
    mutating func failed(_ instance: String, at now: Duration) -> Bool {
        pulled.remove(instance)
        let last = failures[instance]
        let wait = min(
            (last?.wait ?? AggregatorLimits.firstRetry) * 2,
            AggregatorLimits.longestRetry
        )
        var failure = Failure(since: last?.since ?? now, retry: now + wait, wait: wait)
        failure.isTold = now - failure.since >= AggregatorLimits.fetchPatience
        failures[instance] = failure
        return failure.isTold
    }

    /// Forgets failures of instances that are not alive any more, of which the registry tells;
    /// returns those that were told.
    mutating func keep(alive: Set<String>) -> [String] {
        let gone = failures.filter { !alive.contains($0.key) && !pulled.contains($0.key) }
        for instance in gone.keys { failures[instance] = nil }
        return gone.filter(\.value.isTold).keys.sorted()
    }

    /// Notes that a puller was cancelled.
    mutating func cancelled(_ instance: String) {
        pulled.remove(instance)
        failures[instance] = nil
    }
}

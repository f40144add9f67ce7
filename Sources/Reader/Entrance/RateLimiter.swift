internal import Synchronization
internal import Telemetry

/// So many events in a time, for each of many: an address, a token.
///
/// Each has a bucket that fills up evenly. When more are known than the limit says, those whose
/// bucket is full are forgotten, which changes nothing; where none is, nobody new is let through.
final class RateLimiter: Sendable {
    private struct Bucket {
        var level: Double
        var seen: Duration
    }

    private let burst: Double, perSecond: Double
    private let most: Int
    private let buckets = Mutex<[String: Bucket]>([:])

    /// Lets `burst` through at once and then `perSecond` in each second, of `most` at a time.
    init(burst: Int, perSecond: Double, most: Int = ReaderLimits.limitedVisitors) {
        self.burst = Double(burst)
        self.perSecond = perSecond
        self.most = most
    }

    /// Counts an event; nil where it is let through, else after how long one will be.
    func count(_ name: String, at now: Duration) -> Duration? {
        buckets.withLock { known -> Duration? in
            if known[name] == nil, known.count >= most {
                known = known.filter { level($0.value, now) < burst }
                guard known.count < most else { return .seconds(1 / perSecond) }
            }
            let left = known[name].map { level($0, now) } ?? burst
            known[name] = Bucket(level: left >= 1 ? left - 1 : left, seen: now)
            return left >= 1 ? nil : .seconds((1 - left) / perSecond)
        }
    }

    private func level(_ bucket: Bucket, _ now: Duration) -> Double {
        min(burst, bucket.level + (now - bucket.seen).inSeconds * perSecond)
    }
}

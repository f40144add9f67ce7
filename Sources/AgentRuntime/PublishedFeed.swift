internal import Synchronization
internal import Telemetry

/// A feed as the agent declares it, and what was published of it.
final class PublishedFeed: Sendable {
    private struct Counts {
        var records: Int64 = 0
        var last: Timestamp?, published: Timestamp?
    }

    let feed: Feed
    private let counts = Mutex(Counts())

    init(_ feed: Feed) {
        self.feed = feed
    }

    /// Notes blocks that the log has taken, each as a record.
    func note(_ blocks: [Block], at now: Timestamp) {
        counts.withLock { counts in
            counts.records += Int64(blocks.count)
            counts.last = blocks.last?.timestamps.last ?? counts.last
            counts.published = now
        }
    }

    /// How many records were published, the timestamp of the last row, and when that was.
    var value: Value {
        let counts = counts.withLock { $0 }
        return [
            "records": .int(counts.records),
            "last": counts.last.map { .int($0.nanoseconds) } ?? .null,
            "published": counts.published.map { .int($0.nanoseconds) } ?? .null,
        ]
    }
}

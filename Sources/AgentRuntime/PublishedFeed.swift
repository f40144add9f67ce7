internal import Synchronization
internal import Telemetry

/// A feed as the agent declares it, what was published of it, and whether its clock is right.
final class PublishedFeed: Sendable {
    private struct Counts {
        var records: Int64 = 0
        var last: Timestamp?, published: Timestamp?
        /// How far the clock of the feed is off, as a fault says; nil while it is right.
        var offset: Duration?
    }

    let feed: Feed
    private let counts = Mutex(Counts())

    init(_ feed: Feed) {
        self.feed = feed
    }

    /// Notes blocks that the log has taken, each as a record; the change of the fault `clock`, if
    /// there is one.
    ///
    /// `begin` is when they were handed over, since a disk may have kept them waiting.
    func note(_ blocks: [Block], from begin: Timestamp, at now: Timestamp) -> FaultBook.Change? {
        // The last one says how it is now.
        let offset = blocks.last.flatMap { self.offset(of: $0, at: begin) }
        return counts.withLock { counts in
            counts.records += Int64(blocks.count)
            counts.last = blocks.last?.timestamps.last ?? counts.last
            counts.published = now
            let before = counts.offset
            guard let offset else {
                counts.offset = nil
                return before.map { .cleared(fault($0, now), at: now) }
            }
            // The text is not worth a word for each block.
            if let before, !(offset - before).isClockTrouble { return nil }
            counts.offset = offset
            return .raised(fault(offset, now))
        }
    }

    /// How far a block is ahead of the clock, or behind it; nil where it is neither.
    ///
    /// By its newest row, the first or the last: a block may be as long as it likes, but not end in
    /// the past, unless the feed is declared to be that late.
    private func offset(of block: Block, at now: Timestamp) -> Duration? {
        guard let first = block.timestamps.first, let last = block.timestamps.last else {
            return nil
        }
        let offset = max(first, last) - now
        let isRight =
            offset <= .clockTolerance && offset >= .zero - .clockTolerance - feed.lateness
        return isRight ? nil : offset
    }

    private func fault(_ offset: Duration, _ now: Timestamp) -> Fault {
        let seconds = Int64(abs(offset.inSeconds))
        return Fault(
            id: "clock",
            severity: .warning,
            since: now,
            text: "the samples of feed \(feed.name) are dated \(seconds) s "
                + (offset > .zero ? "ahead of" : "behind")
                + " this host's clock; they are kept and marked. Set the clock of the instrument, "
                + "or that of the host (`chronyc tracking`, `timedatectl`)",
            subject: feed.name
        )
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

internal import GRDB
internal import Log
public import Telemetry

extension ArchiveStore {
    /// What fields are declared to be in a range, in the order of the question.
    ///
    /// The newest declaration of each, as ``timeline(instance:feed:fields:range:limit:)`` has it of
    /// the whole range at once; nil for a field that no row of the range was declared with.
    /// `fields` are names within the feed.
    public func declarations(
        instance: String,
        feed: String,
        fields: [String],
        range: Range<Timestamp>
    ) throws(ArchiveError) -> [Field?] {
        let feeds = try declarations(instance, feed, range)
        return fields.map { name in
            Field(inForceOf: feeds.compactMap { $0.fields.first { $0.name == name } })
        }
    }

    /// How late a sample of a feed may come by its declaration at `instant`; zero where it has no
    /// row there.
    public func lateness(
        instance: String,
        feed: String,
        at instant: Timestamp
    ) throws(ArchiveError) -> Duration {
        try declarations(instance, feed, instant..<(instant + .nanoseconds(1))).last?.lateness
            ?? .zero
    }

    /// The declarations that rows of a feed in `range` have; the one that arrived last is last.
    private func declarations(
        _ instance: String,
        _ feed: String,
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [Feed] {
        try withState { state throws(ArchiveError) in
            let open = state.segments.flatMap { $0.timelines(named: "\(instance).\(feed)") }
                .filter { $0.span.overlaps(range) }
            return try index.declarations(instance: instance, feed: feed, range: range)
                + open.map(\.feed)
        }
    }
}

extension ArchiveIndex {
    /// The declarations that rows of a feed in `range` have; the one that arrived last is last.
    func declarations(
        instance: String,
        feed: String,
        range: Range<Timestamp>
    ) throws(ArchiveError) -> [Feed] {
        try read { db in
            try Int64.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT declaration FROM runs JOIN files ON files.id = runs.file
                        WHERE feed = (SELECT id FROM feeds WHERE instance = ? AND feed = ?)
                            AND runs.t0 < ? AND runs.t1 >= ?
                            AND is_missing = 0 AND problem IS NULL
                        GROUP BY declaration ORDER BY max(files.received_from), max(place)
                        """
                ),
                arguments: [
                    instance, feed, range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                ]
            ).compactMap { try declaration($0, db) }
        }
    }
}

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
        let feeds = try withState { state throws(ArchiveError) in
            let open = state.segments.flatMap { $0.timelines(named: "\(instance).\(feed)") }
                .filter { $0.span.overlaps(range) }
            return try index.declarations(instance: instance, feed: feed, range: range)
                + open.map(\.feed)
        }
        return fields.map { name in
            Field(inForceOf: feeds.compactMap { $0.fields.first { $0.name == name } })
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
                db,
                sql: """
                    SELECT declaration FROM runs JOIN files ON files.id = runs.file
                    WHERE feed = (SELECT id FROM feeds WHERE instance = ? AND feed = ?)
                        AND runs.t0 < ? AND runs.t1 >= ? AND is_missing = 0 AND problem IS NULL
                    GROUP BY declaration ORDER BY max(files.received_from), max(place)
                    """,
                arguments: [
                    instance, feed, range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                ]
            ).compactMap { try declaration($0, db) }
        }
    }
}

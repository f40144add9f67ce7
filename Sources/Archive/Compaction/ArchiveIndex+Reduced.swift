internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import MessagePack
internal import Telemetry

// What the index knows of timelines whose samples retention has removed. There is one row for each
// feed and day at most, in a table of its own: questions about samples never see it.

/// Where roll-ups stand whose samples are gone.
struct ReducedPlace: Hashable, Sendable {
    let instance: String, feed: Feed
    /// How many samples there were, and the first and the last.
    let rows: Int64, first: Timestamp, last: Timestamp
    /// The file, relative to the archive, its id, and the place in its footer.
    let path: String, file: String, place: Int
}

extension ArchiveIndex {
    /// Enters what a file has of a timeline without samples.
    static func add(
        _ timeline: ReducedTimeline,
        place: Int,
        file: Int64,
        to db: Database
    ) throws {
        guard let first = timeline.groups.map(\.first).min(),
            let last = timeline.groups.map(\.last).max()
        else { return }
        try db.execute(
            sql: "INSERT INTO reduced VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                file, place, timeline.instance, timeline.feed.name,
                Data(timeline.feed.value.messagePack), timeline.rows,
                first.nanoseconds, last.nanoseconds,
            ]
        )
    }

    /// Where roll-ups without samples are in `range`, of one timeline or of all.
    func reduced(
        _ timeline: (instance: String, feed: String)? = nil,
        in range: Range<Timestamp>
    ) throws(ArchiveError) -> [ReducedPlace] {
        try read { db in
            var arguments: StatementArguments = [
                range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
            ]
            if let timeline { arguments += [timeline.instance, timeline.feed] }
            return try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT reduced.*, files.path, files.file AS id
                        FROM reduced JOIN files ON files.id = reduced.file
                        WHERE reduced.t0 < ? AND reduced.t1 >= ?
                            AND is_missing = 0 AND problem IS NULL
                            \(timeline == nil ? "" : "AND instance = ? AND feed = ?")
                        ORDER BY files.received_from, files.path, place
                        """
                ),
                arguments: arguments
            ).compactMap { row in
                guard let feed = Feed(try Value(messagePack: Array(row["declaration"] as Data)))
                else { return nil }
                return ReducedPlace(
                    instance: row["instance"],
                    feed: feed,
                    rows: row["rows"],
                    first: Timestamp(nanoseconds: row["t0"]),
                    last: Timestamp(nanoseconds: row["t1"]),
                    path: row["path"],
                    file: row["id"],
                    place: row["place"]
                )
            }
        }
    }
}

internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import MessagePack
internal import Telemetry

/// Rows of a timeline in one file of a tree, and the frames that have them.
struct G3IndexedPart: Sendable {
    let path: String, instance: String, feed: Feed
    let first: Int64, last: Int64, rows: Int
    let places: [G3Place]
}

extension G3Index {
    /// The parts with rows in `range`, in order of time; of one timeline, or of all.
    func parts(
        of timeline: (instance: String, feed: String)?,
        in range: Range<Timestamp>
    ) throws(ArchiveError) -> [G3IndexedPart] {
        try read { db in
            var declarations: [Int64: Feed] = [:]
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT instance, declaration, path, parts.t0, parts.t1, rows, places
                    FROM feeds CROSS JOIN parts ON parts.feed = feeds.id
                        JOIN files ON files.id = parts.file
                    WHERE \(timeline == nil ? "?1 IS NULL AND ?2 IS NULL"
                        : "feeds.instance = ?1 AND feeds.feed = ?2")
                        AND parts.t0 < ?3 AND parts.t1 >= ?4 AND parts.t0 >= ?4 - feeds.longest
                    ORDER BY parts.t0, path, number
                    """,
                arguments: [
                    timeline?.instance, timeline?.feed, range.upperBound.nanoseconds,
                    range.lowerBound.nanoseconds,
                ]
            ).compactMap { row in
                guard let feed = try Self.declaration(row["declaration"], &declarations, db),
                    let places = G3Place.unpacked(row["places"] as Data)
                else { return nil }
                return G3IndexedPart(
                    path: row["path"],
                    instance: row["instance"],
                    feed: feed,
                    first: row["t0"],
                    last: row["t1"],
                    rows: row["rows"],
                    places: places
                )
            }
        }
    }

    /// What is known of each field with a part in `range`; the newest declaration counts.
    func fields(in range: Range<Timestamp>) throws(ArchiveError) -> [FieldSummary] {
        try read { db in
            var declarations: [Int64: Feed] = [:]
            var summaries: [FieldName: FieldSummary] = [:]
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT instance, declaration, min(parts.t0) AS t0, max(parts.t1) AS t1,
                        sum(rows) AS rows
                    FROM feeds CROSS JOIN parts ON parts.feed = feeds.id
                    WHERE parts.t0 < ? AND parts.t1 >= ? AND parts.t0 >= ? - feeds.longest
                    GROUP BY parts.feed, declaration ORDER BY max(parts.t1)
                    """,
                arguments: [
                    range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                    range.lowerBound.nanoseconds,
                ]
            )
            while let row = try rows.next() {
                guard let feed = try Self.declaration(row["declaration"], &declarations, db)
                else { continue }
                for field in feed.fields {
                    let summary = FieldSummary(
                        name: FieldName(
                            instance: row["instance"],
                            feed: feed.name,
                            field: field.name
                        ),
                        field: field,
                        period: nil,
                        lateness: .zero,
                        first: Timestamp(nanoseconds: row["t0"]),
                        last: Timestamp(nanoseconds: row["t1"]),
                        count: row["rows"]
                    )
                    summaries[summary.name] =
                        summaries[summary.name].map { $0.merged(with: summary) } ?? summary
                }
            }
            return summaries.values.sorted { $0.name < $1.name }
        }
    }

    /// The newest time of a timeline.
    func newest(instance: String, feed: String) throws(ArchiveError) -> Timestamp? {
        try read { db in
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT max(t1) FROM parts
                    WHERE feed = (SELECT id FROM feeds WHERE instance = ? AND feed = ?)
                    """,
                arguments: [instance, feed]
            ).map(Timestamp.init(nanoseconds:))
        }
    }

    /// What is wrong with files, in order of time; of files that are cut off only those that were
    /// last changed before `finished`.
    func damage(
        in range: Range<Timestamp>?,
        finished: Timestamp
    ) throws(ArchiveError) -> [(from: Int64, to: Int64, cause: String)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT t0, t1, cause FROM damage JOIN files ON files.id = damage.file
                    WHERE t0 < ? AND t1 >= ? AND (NOT is_cut OR modified < ?)
                    ORDER BY t0, path, start
                    """,
                arguments: [
                    range?.upperBound.nanoseconds ?? Int64.max,
                    range?.lowerBound.nanoseconds ?? Int64.min, finished.nanoseconds,
                ]
            ).map { ($0["t0"], $0["t1"], $0["cause"]) }
        }
    }

    /// The instances that have ever had a row.
    func instances() throws(ArchiveError) -> [String] {
        try read { db in
            try String.fetchAll(db, sql: "SELECT DISTINCT instance FROM feeds ORDER BY instance")
        }
    }

    private static func declaration(
        _ id: Int64,
        _ known: inout [Int64: Feed],
        _ db: Database
    ) throws -> Feed? {
        if let feed = known[id] { return feed }
        let bytes = try Data.fetchOne(
            db,
            sql: "SELECT bytes FROM declarations WHERE id = ?",
            arguments: [id]
        )
        let feed = try bytes.flatMap { Feed(try Value(messagePack: Array($0))) }
        known[id] = feed
        return feed
    }
}

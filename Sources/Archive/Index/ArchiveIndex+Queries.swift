internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import MessagePack
internal import Telemetry

/// Where a sealed file holds rows of a timeline.
struct SealedPlace: Hashable, Sendable {
    /// The file, relative to the archive, its id, and the timeline's place in its footer.
    let path: String, file: String, place: Int
    /// The first and last time there.
    let first: Timestamp, last: Timestamp
}

/// A timeline of a sealed file: whose, where, and how many rows.
struct CountedSpan: Sendable {
    let instance: String, feed: Feed
    let place: SealedPlace
    let rows: Int64
}

extension ArchiveIndex {
    /// Where rows of a timeline in `range` are, in order of arrival.
    func places(
        instance: String,
        feed: String,
        range: Range<Timestamp>
    ) throws(ArchiveError) -> [SealedPlace] {
        try read { db in
            guard let feed = try Self.feed(instance, feed, db) else { return [] }
            return try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT files.path, files.file, place, min(runs.t0) AS t0,
                            max(runs.t1) AS t1
                        FROM runs JOIN files ON files.id = runs.file
                        WHERE feed = ? AND runs.t0 >= ? AND runs.t0 < ? AND runs.t1 >= ?
                            AND is_missing = 0 AND problem IS NULL
                        GROUP BY runs.file, place
                        ORDER BY files.received_from, files.path, place
                        """
                ),
                arguments: [
                    feed.id, Self.before(range.lowerBound, feed.longest),
                    range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                ]
            ).map {
                // By number: a name is looked for among all of them, for every row.
                SealedPlace(
                    path: $0[0],
                    file: $0[1],
                    place: $0[2],
                    first: Timestamp(nanoseconds: $0[3]),
                    last: Timestamp(nanoseconds: $0[4])
                )
            }
        }
    }

    /// Where rows of any timeline in `range` are and how many, in order of arrival.
    func spans(in range: Range<Timestamp>) throws(ArchiveError) -> [CountedSpan] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT instance, max(declaration) AS declaration, files.path, files.file,
                            place, min(runs.t0) AS t0, max(runs.t1) AS t1, sum(runs.rows) AS rows
                        FROM feeds CROSS JOIN runs ON runs.feed = feeds.id
                            JOIN files ON files.id = runs.file
                        WHERE runs.t0 < ? AND runs.t1 >= ? AND runs.t0 >= ? - feeds.longest
                            AND is_missing = 0 AND problem IS NULL
                        GROUP BY runs.file, place, feeds.id
                        ORDER BY files.received_from, files.path, place
                        """
                ),
                arguments: [
                    range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                    range.lowerBound.nanoseconds,
                ]
            ).compactMap { row in
                guard let feed = try declaration(row["declaration"], db) else { return nil }
                let place = SealedPlace(
                    path: row["path"],
                    file: row["file"],
                    place: row["place"],
                    first: Timestamp(nanoseconds: row["t0"]),
                    last: Timestamp(nanoseconds: row["t1"])
                )
                return CountedSpan(
                    instance: row["instance"],
                    feed: feed,
                    place: place,
                    rows: row["rows"]
                )
            }
        }
    }

    /// What the index knows of each field with a run in `range`; the newest declaration counts.
    func fields(in range: Range<Timestamp>) throws(ArchiveError) -> [FieldSummary] {
        try read { db in
            var summaries: [FieldName: FieldSummary] = [:]
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT instance, declaration, min(runs.t0) AS t0, max(runs.t1) AS t1,
                            sum(rows) AS count
                        FROM feeds CROSS JOIN runs ON runs.feed = feeds.id
                        WHERE runs.t0 < ? AND runs.t1 >= ? AND runs.t0 >= ? - feeds.longest
                        GROUP BY runs.feed, declaration ORDER BY max(runs.t1)
                        """
                ),
                arguments: [
                    range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                    range.lowerBound.nanoseconds,
                ]
            )
            for row in rows {
                guard let feed = try declaration(row["declaration"], db) else { continue }
                for field in feed.fields {
                    let summary = FieldSummary(
                        name: FieldName(
                            instance: row["instance"],
                            feed: feed.name,
                            field: field.name
                        ),
                        field: field,
                        period: feed.period,
                        lateness: feed.lateness,
                        first: Timestamp(nanoseconds: row["t0"]),
                        last: Timestamp(nanoseconds: row["t1"]),
                        count: row["count"]
                    )
                    summaries[summary.name] =
                        summaries[summary.name].map { $0.merged(with: summary) } ?? summary
                }
            }
            return Array(summaries.values)
        }
    }

    /// The newest time of a timeline in any sealed file.
    func newest(instance: String, feed: String) throws(ArchiveError) -> Timestamp? {
        try read { db in
            guard let feed = try Self.feed(instance, feed, db) else { return nil }
            // The run that reaches furthest begins at most a longest run before the last one.
            return try Int64.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT max(t1) FROM runs WHERE feed = ?1
                            AND t0 >= (SELECT max(t0) FROM runs WHERE feed = ?1) - ?2
                        """
                ),
                arguments: [feed.id, feed.longest]
            ).map(Timestamp.init(nanoseconds:))
        }
    }

    /// The segments that sealed files list, and how far those files say that the archive came.
    func sourcesAndCursors() throws(ArchiveError) -> (
        sources: Set<String>, cursors: [ArchiveFormat.Cursor]
    ) {
        try read { db in
            let sources = try String.fetchSet(db, sql: "SELECT segment FROM sources")
            let cursors = try Row.fetchAll(db, sql: "SELECT * FROM cursors").map { row in
                ArchiveFormat.Cursor(
                    instance: row["instance"],
                    epoch: row["epoch"],
                    position: row["position"],
                    crc: UInt32(truncatingIfNeeded: row["crc"] as Int64),
                    isFinished: row["finished"]
                )
            }
            return (sources, cursors)
        }
    }

    /// A feed that the index knows, and how long its runs are at most, in nanoseconds.
    static func feed(
        _ instance: String,
        _ feed: String,
        _ db: Database
    ) throws -> (id: Int64, longest: Int64)? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT id, longest FROM feeds WHERE instance = ? AND feed = ?"
            ),
            arguments: [instance, feed]
        ).map { ($0[0], $0[1]) }
    }

    /// `instant` less `nanoseconds`, clamped.
    static func before(_ instant: Timestamp, _ nanoseconds: Int64) -> Int64 {
        let (result, overflow) = instant.nanoseconds.subtractingReportingOverflow(nanoseconds)
        return overflow ? .min : result
    }
}

extension FieldSummary {
    /// Both, with the declaration of the one that reaches further.
    func merged(with other: FieldSummary) -> FieldSummary {
        var merged = other.last >= last ? other : self
        merged.first = min(first, other.first)
        merged.last = max(last, other.last)
        merged.count = count + other.count
        return merged
    }
}

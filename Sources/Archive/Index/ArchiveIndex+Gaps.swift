internal import ArchiveFormat
internal import GRDB
internal import Telemetry

extension ArchiveIndex {
    /// The rows of the ledger in `range`, and those for files that are missing or unreadable.
    ///
    /// There is one for each timeline of such a file.
    func gaps(in range: Range<Timestamp>) throws(ArchiveError) -> [LedgerEntry] {
        try read { db in
            let bounds: StatementArguments = [
                range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
            ]
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT DISTINCT kind, instance, feed, t0, t1, count, cause, epoch, first
                        FROM ledger
                        WHERE t0 < ? AND t1 >= ?
                        """
                ),
                arguments: bounds
            )
            let lost = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT 'missing' AS kind, instance, feeds.feed, min(runs.t0) AS t0,
                            \(Self.behind) AS t1, sum(runs.rows) AS count, \(Self.cause) AS cause,
                            NULL AS epoch, NULL AS first
                        FROM files CROSS JOIN feeds CROSS JOIN runs ON runs.feed = feeds.id
                            AND runs.file = files.id AND runs.t0 BETWEEN files.t0 AND files.t1
                        WHERE (is_missing OR problem IS NOT NULL)
                            AND files.t0 < ? AND files.t1 >= ?
                        GROUP BY files.id, place, feeds.id
                        HAVING min(runs.t0) < ? AND max(runs.t1) >= ?
                        """
                ),
                arguments: bounds + bounds
            )
            return (rows + lost).map(Self.entry)
        }
    }

    /// The files that nobody could ever read whose hour, by their names, lies in `range`.
    func unreadableFiles(
        in range: Range<Timestamp>
    ) throws(ArchiveError) -> [(hour: Range<Timestamp>, cause: String)] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT received_from, received_to, \(Self.cause) AS cause FROM files
                        WHERE file = '' AND NOT is_missing
                            AND received_from < ? AND received_to > ?
                        """
                ),
                arguments: [range.upperBound.nanoseconds, range.lowerBound.nanoseconds]
            ).map { row in
                let from = Timestamp(nanoseconds: row["received_from"])
                return (from..<max(from, Timestamp(nanoseconds: row["received_to"])), row["cause"])
            }
        }
    }

    /// The instant behind the last one of some runs.
    private static let behind = "iif(max(runs.t1) < \(Int64.max), max(runs.t1) + 1, max(runs.t1))"

    private static let cause =
        "iif(is_missing, 'file missing: ' || path, 'damage: ' || problem)"

    private static func entry(_ row: Row) -> LedgerEntry {
        LedgerEntry(
            kind: LedgerEntry.Kind(rawValue: row["kind"]) ?? .missing,
            instance: row["instance"],
            feed: row["feed"],
            from: Timestamp(nanoseconds: row["t0"]),
            to: Timestamp(nanoseconds: row["t1"]),
            count: row["count"],
            cause: row["cause"],
            epoch: row["epoch"],
            first: row["first"]
        )
    }
}

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
                db,
                sql: """
                    SELECT DISTINCT kind, instance, feed, t0, t1, count, cause, epoch, first
                    FROM ledger
                    WHERE t0 < ? AND t1 >= ?
                    """,
                arguments: bounds
            )
            let lost = try Row.fetchAll(
                db,
                sql: """
                    SELECT 'missing' AS kind, instance, feeds.feed, spans.t0, \(Self.behind) AS t1,
                        spans.rows AS count, \(Self.cause) AS cause,
                        NULL AS epoch, NULL AS first
                    FROM files JOIN spans ON spans.file = files.id
                        JOIN feeds ON feeds.id = spans.feed
                    WHERE (is_missing OR problem IS NOT NULL) AND spans.t0 < ? AND spans.t1 >= ?
                    """,
                arguments: bounds
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
                db,
                sql: """
                    SELECT received_from, received_to, \(Self.cause) AS cause FROM files
                    WHERE file = '' AND NOT is_missing
                        AND received_from < ? AND received_to > ?
                    """,
                arguments: [range.upperBound.nanoseconds, range.lowerBound.nanoseconds]
            ).map { row in
                let from = Timestamp(nanoseconds: row["received_from"])
                return (from..<max(from, Timestamp(nanoseconds: row["received_to"])), row["cause"])
            }
        }
    }

    /// The instant behind the last one of a span.
    private static let behind = "iif(spans.t1 < \(Int64.max), spans.t1 + 1, spans.t1)"

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

internal import ArchiveFormat
internal import GRDB
internal import Log
internal import Telemetry

// What is lost of a file that was cut, by what the index knew of it when it was whole.

extension ArchiveIndex {
    /// What a file holds of a feed.
    private struct Held {
        var first: Timestamp, last: Timestamp, rows: Int
    }

    private struct FeedKey: Hashable {
        let instance: String, feed: String
    }

    /// The rows of the ledger for what `file` has lost, by the index of an archive that nobody has
    /// open, where there is one that can be read.
    static func lostRows(
        of file: SealedFile,
        path: String,
        in directory: ArchiveDirectory
    ) -> [LedgerEntry] {
        let index = "\(directory.path)/index.sqlite"
        guard !file.lost.isEmpty, (try? directory.disk.open(index, .read)) != nil,
            let rows = try? onlyRead(index).read({ try lostRows(of: file, path: path, $0) })
        else { return file.lostRows(at: path) }
        return rows
    }

    /// The rows of the ledger for what `file` has lost; none where it is whole.
    ///
    /// Of a file that was never entered, only the file itself tells something.
    static func lostRows(
        of file: SealedFile,
        path: String,
        _ db: Database
    ) throws -> [LedgerEntry] {
        guard !file.lost.isEmpty else { return [] }
        let known = try known(of: file.footer.id, db)
        guard let known, !known.isEmpty else { return file.lostRows(at: path) }
        let found = rows(in: file.footer)
        let cause = file.causeOfLoss(at: path)
        return known.compactMap { key, held in
            let count = held.rows - found[key, default: 0]
            guard count > 0 else { return nil }
            return LedgerEntry(
                instance: key.instance,
                feed: key.feed,
                from: held.first,
                to: held.last + .nanoseconds(1),
                count: Int64(count),
                cause: cause
            )
        }.sorted { ($0.instance, $0.feed ?? "") < ($1.instance, $1.feed ?? "") }
    }

    /// How many rows `footer` tells of each feed.
    private static func rows(in footer: SealedFooter) -> [FeedKey: Int] {
        let timelines = footer.timelines.map { ($0.instance, $0.feed.name, $0.rows) }
        let reduced = footer.reduced.map { ($0.instance, $0.feed.name, $0.rows) }
        return (timelines + reduced).reduce(into: [:]) { rows, one in
            rows[FeedKey(instance: one.0, feed: one.1), default: 0] += one.2
        }
    }

    private static func add(_ more: Held, _ key: FeedKey, to held: inout [FeedKey: Held]) {
        guard let known = held[key] else { return held[key] = more }
        held[key] = Held(
            first: min(known.first, more.first),
            last: max(known.last, more.last),
            rows: known.rows + more.rows
        )
    }

    /// What the index has of the file, and what an earlier cut of it had cost; nil where nobody
    /// knew how much that was.
    private static func known(of file: String, _ db: Database) throws -> [FeedKey: Held]? {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT instance, feeds.feed, min(runs.t0) AS t0, max(runs.t1) AS t1,
                    sum(runs.rows) AS rows
                FROM files CROSS JOIN feeds CROSS JOIN runs ON runs.feed = feeds.id
                    AND runs.file = files.id AND runs.t0 BETWEEN files.t0 AND files.t1
                WHERE files.file = ?1 GROUP BY feeds.id
                UNION ALL
                SELECT instance, feed, reduced.t0, reduced.t1, reduced.rows
                FROM files JOIN reduced ON reduced.file = files.id WHERE files.file = ?1
                UNION ALL
                SELECT instance, feed, ledger.t0, ledger.t1 - 1, count
                FROM files JOIN ledger ON ledger.file = files.id
                WHERE files.file = ?1 AND ledger.is_of_cut
                """,
            arguments: [file]
        )
        var known: [FeedKey: Held] = [:]
        for row in rows {
            guard let feed: String = row["feed"], let count: Int = row["rows"] else { return nil }
            let held = Held(
                first: Timestamp(nanoseconds: row["t0"]),
                last: Timestamp(nanoseconds: row["t1"]),
                rows: count
            )
            add(held, FeedKey(instance: row["instance"], feed: feed), to: &known)
        }
        return known
    }
}

internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import Log
internal import MessagePack
internal import Telemetry

// What one sealed file says, as rows; and out again.

extension ArchiveIndex {
    /// Enters one file in place of what was entered for its path, in the caller's transaction.
    static func add(_ file: SealedFile, path: String, to db: Database) throws {
        let footer = file.footer
        try remove("path = ? AND file <> ?", [path, footer.id], from: db)
        // A file that was moved is the same file: its rows are entered once.
        try db.execute(
            sql: """
                UPDATE files SET path = ?, is_missing = 0, stamp = ?, problem = NULL WHERE file = ?
                """,
            arguments: [path, file.stamp.text, footer.id]
        )
        if db.changesCount > 0 { return }
        for source in footer.sources { try remove("file = ?", [source], from: db) }
        let groups = footer.timelines.flatMap(\.groups)
        try db.execute(
            sql: """
                INSERT INTO files
                    (path, file, bytes, received_from, received_to, t0, t1, rows, stamp)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                path, footer.id, file.byteCount, footer.receivedFrom.nanoseconds,
                footer.receivedTo.nanoseconds, groups.map(\.first.nanoseconds).min(),
                groups.map(\.last.nanoseconds).max(), groups.reduce(0) { $0 + $1.rows },
                file.stamp.text,
            ]
        )
        let id = db.lastInsertedRowID
        let isReplaced = try Int.fetchOne(
            db,
            sql: "SELECT 1 FROM sources WHERE segment = ?",
            arguments: [footer.id]
        )
        // Another file has what this one has.
        guard isReplaced == nil else { return }
        for source in footer.sources {
            try db.execute(
                sql: "INSERT OR REPLACE INTO sources VALUES (?, ?)",
                arguments: [source, id]
            )
        }
        for (place, timeline) in footer.timelines.enumerated() {
            try add(timeline, place: place, file: id, to: db)
        }
        for (place, timeline) in footer.reduced.enumerated() {
            try add(timeline, place: place, file: id, to: db)
        }
        for entry in footer.ledger { try add(entry, file: id, to: db) }
        for cursor in footer.cursors { try add(cursor, to: db) }
    }

    private static func add(_ entry: LedgerEntry, file id: Int64, to db: Database) throws {
        try db.execute(
            sql: "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                id, entry.kind.rawValue, entry.instance, entry.feed, entry.from.nanoseconds,
                entry.to.nanoseconds, entry.count, entry.cause, entry.epoch, entry.first,
            ]
        )
    }

    private static func add(_ cursor: ArchiveFormat.Cursor, to db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO cursors VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                crc = iif(excluded.position > position, excluded.crc, crc),
                position = max(position, excluded.position),
                finished = max(finished, excluded.finished)
                """,
            arguments: [
                cursor.instance, cursor.epoch, cursor.position, Int64(cursor.crc),
                cursor.isFinished,
            ]
        )
    }

    /// Enters that the file at `path` cannot be read, beside what the index knows of it.
    ///
    /// `hour` is the time that it is about by its name, for a file that was never entered.
    static func add(
        problem: String,
        with path: String,
        stamp: SealedStamp,
        hour: Range<Timestamp>,
        to db: Database
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO files
                    (path, file, bytes, received_from, received_to, rows, stamp, problem)
                VALUES (?, '', 0, ?, ?, 0, ?, ?)
                ON CONFLICT (path) DO UPDATE SET
                is_missing = 0, stamp = excluded.stamp, problem = excluded.problem
                """,
            arguments: [
                path, hour.lowerBound.nanoseconds, hour.upperBound.nanoseconds, stamp.text,
                problem,
            ]
        )
    }

    /// Takes out the files for which `condition` holds, and all that they said but how far the
    /// archive had come.
    static func remove(
        _ condition: String,
        _ arguments: StatementArguments,
        from db: Database
    ) throws {
        let ids = try Int64.fetchAll(
            db,
            sql: "SELECT id FROM files WHERE \(condition)",
            arguments: arguments
        )
        for id in ids {
            for table in ["sources", "spans", "runs", "reduced", "ledger"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE file = ?", arguments: [id])
            }
            try db.execute(sql: "DELETE FROM files WHERE id = ?", arguments: [id])
        }
    }

    private static func add(
        _ timeline: SealedTimeline,
        place: Int,
        file: Int64,
        to db: Database
    ) throws {
        let runs = Self.runs(timeline.groups)
        guard let first = timeline.groups.first?.first, let last = timeline.groups.last?.last
        else { return }
        let (span, overflow) = last.nanoseconds.subtractingReportingOverflow(first.nanoseconds)
        try db.execute(
            sql: """
                INSERT INTO feeds (instance, feed, longest) VALUES (?, ?, ?)
                ON CONFLICT DO UPDATE SET longest = max(longest, excluded.longest)
                """,
            arguments: [
                timeline.instance, timeline.feed.name, overflow ? Int64.max : span,
            ]
        )
        let feed = try Int64.fetchOne(
            db,
            sql: "SELECT id FROM feeds WHERE instance = ? AND feed = ?",
            arguments: [timeline.instance, timeline.feed.name]
        )
        let bytes = Data(timeline.feed.value.messagePack)
        try db.execute(
            sql: "INSERT OR IGNORE INTO declarations (feed, bytes) VALUES (?, ?)",
            arguments: [feed, bytes]
        )
        let declaration = try Int64.fetchOne(
            db,
            sql: "SELECT id FROM declarations WHERE feed = ? AND bytes = ?",
            arguments: [feed, bytes]
        )
        try db.execute(
            sql: "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                feed, first.nanoseconds, last.nanoseconds, file, place, declaration,
                timeline.rows,
            ]
        )
        let insert = try db.cachedStatement(
            sql: "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        for (number, groups) in runs.enumerated() {
            for field in timeline.feed.fields.indices {
                var sum = Statistics()
                for group in groups { sum.add(group.columns[field].statistics) }
                let values: [(any DatabaseValueConvertible)?] = [
                    feed, groups[0].first.nanoseconds, groups[groups.count - 1].last.nanoseconds,
                    file, place, number, field, declaration, sum.count, sum.notNumbers, sum.min,
                    sum.max, sum.sum,
                ]
                try insert.execute(arguments: StatementArguments(values))
            }
        }
    }

    /// The groups of each run: one ends at a jump of more than an hour.
    private static func runs(_ groups: [SealedGroup]) -> [[SealedGroup]] {
        var runs: [[SealedGroup]] = []
        for group in groups {
            if let last = runs.last?.last {
                let (gap, overflow) = group.first.nanoseconds.subtractingReportingOverflow(
                    last.last.nanoseconds
                )
                if !overflow, gap <= Limits.runGap {
                    runs[runs.count - 1].append(group)
                    continue
                }
            }
            runs.append([group])
        }
        return runs
    }
}

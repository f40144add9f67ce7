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
        let rows = footer.timelines.reduce(0) { $0 + $1.rows }
        if file.lost.isEmpty {
            // A file that was moved is the same file: its rows are entered once.
            try db.execute(
                sql: """
                    UPDATE files SET path = ?, is_missing = 0, stamp = ?, problem = NULL
                    WHERE file = ? AND NOT is_cut
                    """,
                arguments: [path, file.stamp.text, footer.id]
            )
            if db.changesCount > 0 { return }
        }
        // It was cut, or put back: only what was known of it tells what is lost.
        let lost = try lostRows(of: file, path: path, db)
        try remove("file = ?", [footer.id], from: db)
        for source in footer.sources { try remove("file = ?", [source], from: db) }
        let groups = footer.timelines.flatMap(\.groups)
        try db.execute(
            sql: """
                INSERT INTO files
                    (path, file, bytes, received_from, received_to, t0, t1, rows, stamp, is_cut)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                path, footer.id, file.byteCount, footer.receivedFrom.nanoseconds,
                footer.receivedTo.nanoseconds, groups.map(\.first.nanoseconds).min(),
                groups.map(\.last.nanoseconds).max(), rows, file.stamp.text, !file.lost.isEmpty,
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
            try add(timeline, place: place, file: (id, footer.receivedFrom), to: db)
        }
        for (place, timeline) in footer.reduced.enumerated() {
            try add(timeline, place: place, file: id, to: db)
        }
        for entry in footer.ledger { try add(entry, file: id, isOfCut: false, to: db) }
        for entry in lost { try add(entry, file: id, isOfCut: true, to: db) }
        for cursor in footer.cursors { try add(cursor, to: db) }
    }

    /// Enters a row of the ledger; `isOfCut` is one that the file does not have, since it tells
    /// what a cut of it has cost.
    private static func add(
        _ entry: LedgerEntry,
        file id: Int64,
        isOfCut: Bool,
        to db: Database
    ) throws {
        try db.execute(
            sql: "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                id, entry.kind.rawValue, entry.instance, entry.feed, entry.from.nanoseconds,
                entry.to.nanoseconds, entry.count, entry.cause, entry.epoch, entry.first, isOfCut,
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
                    (path, file, bytes, received_from, received_to, rows, stamp, problem, is_cut)
                VALUES (?, '', 0, ?, ?, 0, ?, ?, 0)
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
        let files = try Row.fetchAll(
            db,
            sql: "SELECT id, t0, t1 FROM files WHERE \(condition)",
            arguments: arguments
        )
        for file in files {
            let id: Int64 = file["id"]
            try removeRuns(of: id, from: file["t0"], to: file["t1"], db)
            for table in ["sources", "reduced", "ledger"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE file = ?", arguments: [id])
            }
            try db.execute(sql: "DELETE FROM files WHERE id = ?", arguments: [id])
        }
    }

    /// Takes out the runs of a file by its times, since a search by file would read all of them.
    private static func removeRuns(
        of file: Int64,
        from start: Int64?,
        to end: Int64?,
        _ db: Database
    ) throws {
        guard let start, let end else { return }
        for feed in try Row.fetchAll(db, sql: "SELECT id, parts FROM feeds") {
            let id: Int64 = feed["id"]
            try db.cachedStatement(
                sql: "DELETE FROM runs WHERE feed = ? AND t0 BETWEEN ? AND ? AND file = ?"
            ).execute(arguments: [id, start, end, file])
            for part in 0..<(feed["parts"] as Int) {
                try db.cachedStatement(
                    sql: """
                        DELETE FROM statistics
                        WHERE feed = ? AND part = ? AND t0 BETWEEN ? AND ? AND file = ?
                        """
                ).execute(arguments: [id, part, start, end, file])
            }
        }
    }

    private static func add(
        _ timeline: SealedTimeline,
        place: Int,
        file: (id: Int64, receivedFrom: Timestamp),
        to db: Database
    ) throws {
        let runs = Self.runs(timeline.groups)
        guard !runs.isEmpty else { return }
        let feed = try feed(of: timeline, runs, db)
        let declaration = try declaration(of: timeline, feed, db)
        let insert = try db.cachedStatement(sql: "INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?)")
        let insertPart = try db.cachedStatement(
            sql: "INSERT INTO statistics VALUES (?,?,?,?,?,?,?)"
        )
        for (number, groups) in runs.enumerated() {
            let first = groups[0].first.nanoseconds
            try insert.execute(arguments: [
                feed, first, groups[groups.count - 1].last.nanoseconds, file.id, place, number,
                declaration, file.receivedFrom.nanoseconds, groups.reduce(0) { $0 + $1.rows },
            ])
            for part in 0..<StatisticsPart.count(fields: timeline.feed.fields.count) {
                let bytes = StatisticsPart.bytes(of: groups, part: part)
                try insertPart.execute(arguments: [
                    feed, part, first, file.id, place, number, Data(bytes),
                ])
            }
        }
    }

    /// The number of the feed; notes how long its runs may be and how many parts they have.
    private static func feed(
        of timeline: SealedTimeline,
        _ runs: [[SealedGroup]],
        _ db: Database
    ) throws -> Int64 {
        let longest = runs.map { groups -> Int64 in
            let (span, overflow) = groups[groups.count - 1].last.nanoseconds
                .subtractingReportingOverflow(groups[0].first.nanoseconds)
            return overflow ? Int64.max : span
        }
        return try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    INSERT INTO feeds (instance, feed, longest, parts) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET longest = max(longest, excluded.longest),
                    parts = max(parts, excluded.parts) RETURNING id
                    """
            ),
            arguments: [
                timeline.instance, timeline.feed.name, longest.max(),
                StatisticsPart.count(fields: timeline.feed.fields.count),
            ]
        ) ?? 0
    }

    /// The number of the declaration.
    private static func declaration(
        of timeline: SealedTimeline,
        _ feed: Int64,
        _ db: Database
    ) throws -> Int64? {
        let bytes = Data(timeline.feed.value.messagePack)
        try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO declarations (feed, bytes) VALUES (?, ?)"
        ).execute(arguments: [feed, bytes])
        return try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM declarations WHERE feed = ? AND bytes = ?"),
            arguments: [feed, bytes]
        )
    }

    /// The groups of each run: one ends at a jump of more than an hour.
    static func runs(_ groups: [SealedGroup]) -> [[SealedGroup]] {
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

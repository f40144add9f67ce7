internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import Log
internal import MessagePack
internal import Telemetry

/// What a refresh of the index found.
struct IndexChange: Sendable {
    /// The segments that new sealed files list: they count no more.
    var sources: Set<String> = []
    /// The sealed files that are new, and those that cannot be read.
    var added: [String] = [], problems: [String] = []
}

extension ArchiveIndex {
    /// Takes in the sealed files among `files` that the index has not seen.
    ///
    /// `days` are the days that `files` covers, nil if it is all: what the index lists there and
    /// is not among them is marked as missing.
    func refresh(
        _ files: [ArchiveFile],
        days: Set<String>?,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) -> IndexChange {
        let sealed = files.filter { $0.kind == .sealed }.map(\.path)
        let known = try read { db in
            try Row.fetchAll(db, sql: "SELECT path, is_missing FROM files")
                .reduce(into: [String: Bool]()) { $0[$1["path"]] = $1["is_missing"] }
        }
        try note(missing: known, there: Set(sealed), days: days)
        var change = IndexChange()
        let new = sealed.filter { known[$0] == nil }
        for (number, path) in new.enumerated() {
            do throws(ArchiveError) {
                let file = try SealedFile.open("\(directory.path)/\(path)", disk: directory.disk)
                try write { db in try Self.add(file, path: path, to: db) }
                change.sources.formUnion(file.footer.sources)
                change.added.append(path)
            } catch {
                if case .index = error { throw error }
                if case .disk(.missing) = error { continue }
                change.problems.append("\(error)")
            }
            progress(number + 1, new.count)
        }
        return change
    }

    private func note(
        missing known: [String: Bool],
        there: Set<String>,
        days: Set<String>?
    ) throws(ArchiveError) {
        let changed = known.filter { path, isMissing in
            guard let slash = path.lastIndex(of: "/"),
                days?.contains(String(path[..<slash])) ?? true
            else { return false }
            return there.contains(path) == isMissing
        }
        guard !changed.isEmpty else { return }
        try write { db in
            for (path, isMissing) in changed {
                try db.execute(
                    sql: "UPDATE files SET is_missing = ? WHERE path = ?",
                    arguments: [!isMissing, path]
                )
            }
        }
    }

    /// Enters one file, in the transaction of the caller.
    private static func add(_ file: SealedFile, path: String, to db: Database) throws {
        let footer = file.footer
        // A file that was moved is the same file: its rows are entered once.
        try db.execute(
            sql: "UPDATE files SET path = ?, is_missing = 0 WHERE file = ?",
            arguments: [path, footer.id]
        )
        if db.changesCount > 0 { return }
        let groups = footer.timelines.flatMap(\.groups)
        try db.execute(
            sql: """
                INSERT INTO files (path, file, bytes, received_from, received_to, t0, t1, rows)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                path, footer.id, file.byteCount, footer.receivedFrom.nanoseconds,
                footer.receivedTo.nanoseconds, groups.map(\.first.nanoseconds).min(),
                groups.map(\.last.nanoseconds).max(), groups.reduce(0) { $0 + $1.rows },
            ]
        )
        let id = db.lastInsertedRowID
        for source in footer.sources {
            try db.execute(
                sql: "INSERT OR REPLACE INTO sources VALUES (?, ?)",
                arguments: [source, id]
            )
        }
        for (place, timeline) in footer.timelines.enumerated() {
            try add(timeline, place: place, file: id, to: db)
        }
        for entry in footer.ledger {
            try db.execute(
                sql: "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    id, entry.kind.rawValue, entry.instance, entry.feed, entry.from.nanoseconds,
                    entry.to.nanoseconds, entry.count, entry.cause, entry.epoch, entry.first,
                ]
            )
        }
        for cursor in footer.cursors {
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

internal import ArchiveFormat
internal import GRDB
internal import Log
internal import Telemetry

extension ArchiveTool {
    /// What the index says that the files do not, and the reverse, a line each.
    ///
    /// It is only read, also while a reader has it open. A file behind all that it knows is new.
    static func indexProblems(
        _ directory: ArchiveDirectory,
        _ accounts: VerifiedAccounts
    ) -> [String] {
        let path = "\(directory.path)/index.sqlite"
        let advice = "`cerro archive reindex` fills it anew, and so does a reader that notices"
        guard (try? directory.disk.open(path, .read)) != nil else { return [] }
        let listed: [String: ListedInIndex]
        do {
            listed = try ListedInIndex.all(path)
        } catch {
            return ["index.sqlite: cannot be read: \(error). Nothing is lost: \(advice)"]
        }
        var lines: [String] = []
        var there: Set<String> = []
        let newest = listed.keys.compactMap(ArchiveFile.init(path:)).max()
        for (file, footer) in accounts.sealed {
            there.insert(file.path)
            guard let known = listed[file.path] else {
                if let newest, file < newest {
                    lines.append(
                        "index.sqlite: does not know \(file.path): answers are without it; "
                            + advice
                    )
                }
                continue
            }
            guard !accounts.cut.contains(file) else { continue }
            let rows = footer.timelines.reduce(0) { $0 + $1.rows }
            if known.id != footer.id {
                // What it was repaired from: a reader notices.
                guard !footer.sources.contains(known.id) else { continue }
                lines.append(
                    "index.sqlite: knows another file at \(file.path), which was replaced: a "
                        + "reader notices with the next question about it; \(advice)"
                )
            } else if known.rows != rows || known.ledger != footer.ledger.count {
                lines.append(
                    "index.sqlite: has \(known.rows) rows and \(known.ledger) of the ledger of "
                        + "\(file.path), which has \(rows) and \(footer.ledger.count); \(advice)"
                )
            }
        }
        for (path, known) in listed.sorted(by: { $0.key < $1.key })
        where !there.contains(path) {
            let isThere = (try? directory.disk.open("\(directory.path)/\(path)", .read)) != nil
            guard !isThere else { continue }
            lines.append(
                "index.sqlite: lists \(path), which is not there: \(known.rows) rows are missing; "
                    + "put the file back from a copy of the archive"
            )
        }
        return lines
    }
}

/// What the index says of one file.
private struct ListedInIndex {
    let id: String, rows: Int, ledger: Int

    static func all(_ path: String) throws -> [String: ListedInIndex] {
        try ArchiveIndex.onlyRead(path).read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT path, files.file,
                        EXISTS (SELECT 1 FROM sources WHERE segment = files.file) AS replaced,
                        coalesce(held.rows, 0) AS rows, coalesce(told.rows, 0) AS ledger
                    FROM files
                        LEFT JOIN (SELECT file, sum(rows) AS rows FROM runs GROUP BY file)
                            AS held ON held.file = files.id
                        LEFT JOIN (SELECT file, count(*) AS rows FROM ledger GROUP BY file)
                            AS told ON told.file = files.id
                    """
            ).reduce(into: [:]) { listed, row in
                guard !(row["replaced"] as Bool) else { return }
                listed[row["path"]] = ListedInIndex(
                    id: row["file"],
                    rows: row["rows"],
                    ledger: row["ledger"]
                )
            }
        }
    }
}

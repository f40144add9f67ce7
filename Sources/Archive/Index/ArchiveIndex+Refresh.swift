internal import ArchiveFormat
internal import GRDB
internal import Log
internal import Telemetry

/// What a refresh of the index found.
struct IndexChange: Sendable {
    /// The sealed files whose rows are new, and those that are no longer what they were.
    var added: [String] = [], changed: [String] = []
    /// The files that cannot be read, a line each.
    var problems: [String] = []
    /// What is wrong with files that were looked at and can be read all the same, by path.
    var flaws: [String: String] = [:]
}

extension ArchiveIndex {
    private struct Known {
        let isMissing: Bool, isCut: Bool, stamp: SealedStamp, hasProblem: Bool
    }

    /// Takes in the sealed files among `files` that the index has not seen, or not as they are.
    ///
    /// `days` are the days that `files` covers, nil if it is all: what the index lists there and
    /// is not among them is marked as missing. Whether a file that is listed is still the same one
    /// is looked at in the newest days, for those with a problem or cut, and those of `suspects`.
    /// To enter a whole file, `files` are not gone through: an index of years is filled with them.
    func refresh(
        _ files: some Collection<ArchiveFile>,
        days: Set<String>?,
        suspects: Set<String> = [],
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) -> IndexChange {
        let sealed = files.filter { $0.kind == .sealed }
        let known = try known(days, suspects)
        var change = IndexChange()
        change.changed = try note(missing: known, there: Set(sealed.map(\.path)), days: days)
        let newest = days ?? Set(Set(sealed.map(\.day)).sorted().suffix(Limits.refreshedDays))
        let looked =
            sealed
            + suspects.subtracting(sealed.map(\.path)).sorted()
            .compactMap(ArchiveFile.init(path:))
        // To look at the footer of each of many costs too much for every refresh.
        let unreadable = looked.map(\.path).filter { known[$0]?.hasProblem == true }
        let retried = days == nil ? nil : turn(among: unreadable)
        let stale = looked.filter { file in
            guard let known = known[file.path] else { return true }
            guard
                known.hasProblem || known.isMissing || known.isCut || newest.contains(file.day)
                    || suspects.contains(file.path)
            else { return false }
            let path = directory.full(file)
            if known.stamp != SealedStamp.read(path, disk: directory.disk) { return true }
            guard known.hasProblem, retried == nil || retried == file.path else { return false }
            return SealedFile.hasFooter(path, disk: directory.disk)
        }
        for (number, file) in stale.enumerated() {
            try take(file, among: files, isKnown: known[file.path] != nil, &change)
            progress(number + 1, stale.count)
        }
        change.problems += try problems()
        return change
    }

    /// What the index says of the files of `days`, of `suspects`, and of those with a problem; of
    /// all files where `days` is nil.
    private func known(
        _ days: Set<String>?,
        _ suspects: Set<String>
    ) throws(ArchiveError) -> [String: Known] {
        try read { db in
            let columns = "SELECT path, is_missing, is_cut, stamp, problem FROM files"
            var rows: [Row] = []
            if let days {
                for day in days {
                    rows += try Row.fetchAll(
                        db.cachedStatement(sql: columns + " WHERE path > ? AND path < ?"),
                        arguments: ["\(day)/", "\(day)0"]
                    )
                }
                for path in suspects {
                    rows += try Row.fetchAll(
                        db.cachedStatement(sql: columns + " WHERE path = ?"),
                        arguments: [path]
                    )
                }
                rows += try Row.fetchAll(
                    db.cachedStatement(
                        sql: columns + " WHERE (is_missing OR problem IS NOT NULL)"
                    )
                )
                rows += try Row.fetchAll(db.cachedStatement(sql: columns + " WHERE is_cut"))
            } else {
                rows = try Row.fetchAll(db, sql: columns)
            }
            return rows.reduce(into: [:]) { known, row in
                known[row["path"]] = Known(
                    isMissing: row["is_missing"],
                    isCut: row["is_cut"],
                    stamp: SealedStamp(text: row["stamp"]),
                    hasProblem: row["problem"] as String? != nil
                )
            }
        }
    }

    /// Enters what the file is now: its rows, or that it cannot be read.
    private func take(
        _ file: ArchiveFile,
        among files: some Collection<ArchiveFile>,
        isKnown: Bool,
        _ change: inout IndexChange
    ) throws(ArchiveError) {
        do throws(ArchiveError) {
            let opened = try SealedFile.open(directory.full(file), disk: directory.disk)
            if Self.isSpare(opened, file, among: files) { try opened.refuseIfCut() }
            try write { db in try Self.add(opened, path: file.path, to: db) }
            change.added.append(file.path)
            change.flaws[file.path] = opened.warning(at: file.path)
        } catch {
            if case .index = error { throw error }
            if case .disk(.missing) = error { return }
            let text = directory.shortened("\(error)")
            // Its segment is still there and is sealed again: nothing of it is lost.
            let isLost = !files.contains { $0.stem == file.stem && $0.kind == .journal }
            if isLost || isKnown {
                try enter(problem: text, with: file, among: files)
            } else {
                change.problems.append(text)
            }
        }
        if isKnown { change.changed.append(file.path) }
    }

    /// Whether all that a cut file was made from is there: nothing of it is lost then.
    private static func isSpare(
        _ opened: SealedFile,
        _ file: ArchiveFile,
        among files: some Collection<ArchiveFile>
    ) -> Bool {
        let segments = opened.footer.segments
        guard !opened.lost.isEmpty, !segments.isEmpty else { return false }
        let others = Set(files.lazy.filter { $0 != file }.map(\.id))
        return segments.allSatisfy(others.contains)
    }

    /// Enters that `file` cannot be read; nothing that it holds is in answers until it can be.
    func enter(
        problem: String,
        with file: ArchiveFile,
        among files: some Collection<ArchiveFile>
    ) throws(ArchiveError) {
        let path = directory.full(file)
        let stamp = SealedStamp.read(path, disk: directory.disk) ?? .none
        let from = file.created ?? Timestamp(nanoseconds: 0)
        let next = files.first { $0.stem != file.stem && $0 > file }?.created
        let hour = from..<max(from, next ?? from + .nanoseconds(RollupTier.hour.nanoseconds))
        try write { db in
            try Self.add(problem: problem, with: file.path, stamp: stamp, hour: hour, to: db)
        }
    }

    /// The files that cannot be read, a line each.
    func problems() throws(ArchiveError) -> [String] {
        try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT problem FROM files
                    WHERE (is_missing OR problem IS NOT NULL) AND NOT is_missing ORDER BY path
                    """
            )
        }
    }

    /// Marks what is gone and what is back; returns the paths of both.
    private func note(
        missing known: [String: Known],
        there: Set<String>,
        days: Set<String>?
    ) throws(ArchiveError) -> [String] {
        let changed = known.filter { path, known in
            guard let slash = path.lastIndex(of: "/"),
                days?.contains(String(path[..<slash])) ?? true
            else { return false }
            return there.contains(path) == known.isMissing
        }
        guard !changed.isEmpty else { return [] }
        try write { db in
            for (path, known) in changed {
                try db.execute(
                    sql: "UPDATE files SET is_missing = ? WHERE path = ?",
                    arguments: [!known.isMissing, path]
                )
            }
        }
        return changed.keys.sorted()
    }
}

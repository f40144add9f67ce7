internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import Telemetry

/// A run of a timeline in a sealed file: its rows up to a jump of more than an hour.
struct SealedRun: Sendable {
    /// The numbers of file and declaration in the index; the timeline's place in the footer of the
    /// file, and that of the run among the timeline's.
    let file: Int64, declaration: Int64, place: Int, number: Int
    /// When the first of the file was received; the first and last time, in nanoseconds.
    let received: Int64, first: Int64, last: Int64

    /// Whether it arrived before another one; of one file the later place arrived later.
    func arrived(before other: SealedRun) -> Bool {
        (received, file, place, number) < (other.received, other.file, other.place, other.number)
    }
}

extension ArchiveIndex {
    /// The runs of a timeline that overlap `range`, in order of their first times; the caller
    /// keeps the index as it is until it has what it wants of them.
    func runs(
        instance: String,
        feed: String,
        range: Range<Timestamp>
    ) throws(ArchiveError) -> [SealedRun] {
        try read { db in
            guard let feed = try Self.feed(instance, feed, db) else { return [] }
            let lost = try Set(
                Int64.fetchAll(
                    db.cachedStatement(
                        sql: "SELECT id FROM files WHERE (is_missing OR problem IS NOT NULL)"
                    )
                )
            )
            var runs: [SealedRun] = []
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT file, declaration, place, number, received, t0, t1 FROM runs
                        WHERE feed = ? AND t0 >= ? AND t0 < ? AND t1 >= ?
                        ORDER BY t0, file, place, number
                        """
                ),
                arguments: [
                    feed.id, Self.before(range.lowerBound, feed.longest),
                    range.upperBound.nanoseconds, range.lowerBound.nanoseconds,
                ]
            )
            while let row = try rows.next() {
                let run = SealedRun(
                    file: row[0],
                    declaration: row[1],
                    place: row[2],
                    number: row[3],
                    received: row[4],
                    first: row[5],
                    last: row[6]
                )
                if lost.isEmpty || !lost.contains(run.file) { runs.append(run) }
            }
            return runs
        }
    }

    /// The declaration of that number.
    func declaration(_ id: Int64) throws(ArchiveError) -> Feed? {
        try read { db in try declaration(id, db) }
    }

    /// Where the timeline of a run stands.
    func place(of run: SealedRun) throws(ArchiveError) -> SealedPlace? {
        try read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT path, file FROM files WHERE id = ?"),
                arguments: [run.file]
            ).map {
                SealedPlace(
                    path: $0[0],
                    file: $0[1],
                    place: run.place,
                    first: Timestamp(nanoseconds: run.first),
                    last: Timestamp(nanoseconds: run.last)
                )
            }
        }
    }

    /// Gives `body` one part of the statistics of each of `runs` that has it, and the place of the
    /// run among them, which are in order of their first times as ``runs(instance:feed:range:)``
    /// gave them.
    func statistics(
        of runs: [SealedRun],
        instance: String,
        feed: String,
        part: Int,
        _ body: (Int, UnsafeRawBufferPointer) -> Void
    ) throws(ArchiveError) {
        guard let first = runs.first, let last = runs.last else { return }
        try read { db in
            guard let feed = try Self.feed(instance, feed, db) else { return }
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT t0, file, place, number, bytes FROM statistics
                        WHERE feed = ? AND part = ? AND t0 BETWEEN ? AND ?
                        ORDER BY t0, file, place, number
                        """
                ),
                arguments: [feed.id, part, first.first, last.first]
            )
            var index = 0
            while let row = try rows.next(), index < runs.count {
                let key: (Int64, Int64, Int, Int) = (row[0], row[1], row[2], row[3])
                while index < runs.count, runs[index].key < key { index += 1 }
                guard index < runs.count, runs[index].key == key else { continue }
                try row.withUnsafeData(atIndex: 4) { data in
                    data?.withUnsafeBytes { body(index, $0) }
                }
                index += 1
            }
        }
    }
}

extension SealedRun {
    fileprivate var key: (Int64, Int64, Int, Int) { (first, file, place, number) }
}

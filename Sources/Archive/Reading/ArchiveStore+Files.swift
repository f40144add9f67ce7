internal import ArchiveFormat
internal import Log
internal import Synchronization
internal import Telemetry

// What queries read of sealed files: damage costs the rows that it hit, never the query.

extension ArchiveStore {
    /// Calls `body`, and again when a file was compacted, moved or replaced between its list and
    /// its look into it.
    func restarting<Result>(
        _ body: () throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        for _ in 1..<Limits.restarts {
            do throws(ArchiveError) {
                return try body()
            } catch {
                guard case .disk(.missing) = error else { throw error }
                try refreshAll()
            }
        }
        return try body()
    }

    /// The file and the timeline at `place`; nil if it cannot be read, which then is a gap.
    ///
    /// Throws `DiskError.missing` if it is not there any more, nor if another file is.
    func open(
        _ place: SealedPlace
    ) throws(ArchiveError) -> (file: SealedFile, timeline: SealedTimeline)? {
        guard let file = try openFile(place), file.footer.timelines.indices.contains(place.place)
        else { return nil }
        return (file, file.footer.timelines[place.place])
    }

    /// The file of ``open(_:)``, whatever it holds.
    func openFile(_ place: SealedPlace) throws(ArchiveError) -> SealedFile? {
        let path = directory.full(place.path)
        do throws(ArchiveError) {
            let file = try cache.file(path) { () throws(ArchiveError) -> SealedFile in
                try SealedFile.open(path, disk: directory.disk)
            }
            if file.footer.id == place.file {
                if let flaw = file.warning(at: place.path) {
                    state.withLock { $0.damage.note(flaw, in: place.path) }
                }
                return file
            }
        } catch {
            if case .disk(.missing) = error { throw error }
            try enter(error, with: place.path)
            return nil
        }
        // It is open, and so the refresh before the next try looks at it.
        throw .disk(.missing(path: path))
    }

    /// The times of a group; nil if they are damaged, which costs its rows.
    func times(
        of group: SealedGroup,
        _ timeline: SealedTimeline,
        _ file: SealedFile,
        _ path: String
    ) -> [Int64]? {
        let source = RowSource.group(group, timeline, file, path: path)
        return (try? EncodedColumn(self, source, field: nil).column())?.integers
    }

    /// The values of a field in a group; all of them missing if they are damaged.
    func values(
        of field: Int,
        in group: SealedGroup,
        _ timeline: SealedTimeline,
        _ file: SealedFile,
        _ path: String
    ) -> Column {
        let source = RowSource.group(group, timeline, file, path: path)
        return (try? EncodedColumn(self, source, field: field).column())
            ?? .missing(timeline.feed.fields[field].type, rows: group.rows)
    }

    /// The column in a chunk.
    func column(
        _ chunk: Chunk,
        _ type: FieldType,
        _ rows: Int,
        _ file: SealedFile,
        _ subject: String
    ) throws(ArchiveError) -> Column {
        let checked = try checked(chunk, file, subject)
        do throws(ChunkError) {
            return try checked.column(type, rows: rows)
        } catch {
            throw .chunk(path: file.path, offset: chunk.offset, of: subject, error)
        }
    }

    /// The bytes of a chunk of a sealed file.
    func checked(
        _ chunk: Chunk,
        _ file: SealedFile,
        _ subject: String
    ) throws(ArchiveError) -> CheckedChunk {
        let key = ChunkCache.Key(file: file.footer.id, offset: chunk.offset)
        return try cache.chunk(key) { () throws(ArchiveError) -> CheckedChunk in
            try file.checked(chunk, of: subject)
        }
    }

    private func enter(_ error: ArchiveError, with path: String) throws(ArchiveError) {
        guard let file = ArchiveFile(path: path) else { return }
        try withState { state throws(ArchiveError) in
            let problem = directory.shortened("\(error)")
            try index.enter(problem: problem, with: file, among: [])
            try index.seal()
            state.problems = try index.problems()
        }
    }

    /// Enters a chunk that cannot be read in the table of damage.
    func note(
        _ error: ArchiveError,
        _ chunk: Chunk,
        of subject: String,
        _ group: SealedGroup,
        _ timeline: SealedTimeline,
        _ path: String
    ) {
        var mayHeal = false
        if case .chunk(_, _, _, .checksum) = error { mayHeal = true }
        let row = SealedFile.lostRow(chunk, of: subject, group, timeline, path: path)
        state.withLock { state in
            state.damage.note(chunk, in: path, row: row, mayHeal: mayHeal)
        }
    }
}

extension SealedFile {
    /// The row of the ledger for a chunk that cannot be read.
    static func lostRow(
        _ chunk: Chunk,
        of subject: String,
        _ group: SealedGroup,
        _ timeline: SealedTimeline,
        path: String
    ) -> LedgerEntry {
        LedgerEntry(
            instance: timeline.instance,
            feed: timeline.feed.name,
            from: group.first,
            to: group.last + .nanoseconds(1),
            count: Int64(group.rows),
            cause: "damage: \(path): chunk at byte \(chunk.offset) of \(subject)"
        )
    }
}

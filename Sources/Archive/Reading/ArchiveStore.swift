public import ArchiveFormat
internal import CKernel
internal import FoundationEssentials
internal import Log
internal import Synchronization
public import Telemetry

/// An archive for reading: journal and sealed files as one timeline without seam.
///
/// It also fills the index, so only one of them can be open for one archive. It may be used by
/// several threads at once; every call reads files and blocks.
public final class ArchiveStore: Sendable {
    struct State {
        /// In order of creation.
        var segments: [OpenSegment] = []
        var sources: Set<String> = []
        var sealedCursors = CursorTable()
        /// By `instance.feed`.
        var newest: [String: Timestamp] = [:]
        var revisions: [String: Int64] = [:]
        /// What is wrong with sealed files, and with segments by their ids.
        var problems: [String] = [], segmentProblems: [String: [String]] = [:]
        var damage = DamageTable()
        /// How often the newest days were looked at.
        var lookedAt = 0
    }

    /// The archive's folder.
    public let directory: ArchiveDirectory
    let index: ArchiveIndex
    let cache: ChunkCache
    /// Bytes that the rows of all open segments may take.
    let openByteLimit: Int
    let state = Mutex(State())
    /// Held by whoever writes to the archive's own index.
    private let lock: (any FolderLock)?

    /// Opens an archive that may still be empty, and takes in what is there.
    ///
    /// `holder` says who it is, for those who are refused: host, process, instance. `cache` is how
    /// many bytes of columns to keep; `progress` is called with the number of files that
    /// are indexed and of those to index.
    public convenience init(
        _ directory: ArchiveDirectory,
        holder: String,
        cache: Int = 512 << 20,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) {
        let open = cache / Limits.openShare
        try self.init(
            directory,
            holder: holder,
            chunkBytes: cache - open,
            openBytes: max(open, Limits.leastOpenBytes),
            progress: progress
        )
    }

    /// The same with limits of its own for chunks of files and for rows of open segments.
    convenience init(
        _ directory: ArchiveDirectory,
        holder: String,
        chunkBytes: Int,
        openBytes: Int,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) {
        let lock = try directory.lock("index.lock", holder: holder)
        try self.init(
            directory,
            index: try ArchiveIndex(directory),
            lock: lock,
            chunkBytes: chunkBytes,
            openBytes: openBytes,
            progress: progress
        )
    }

    init(
        _ directory: ArchiveDirectory,
        index: ArchiveIndex,
        lock: (any FolderLock)?,
        chunkBytes: Int,
        openBytes: Int,
        progress: (Int, Int) -> Void
    ) throws(ArchiveError) {
        // What one answer stood in, the next one needs: to give it back page by page and to take it
        // again costs a third of the time of a long one.
        cerro_memory_keep(CInt(Limits.keptMemory))
        openByteLimit = openBytes
        self.directory = directory
        self.lock = lock
        self.index = index
        self.cache = ChunkCache(byteLimit: chunkBytes, fileLimit: Limits.openFiles)
        let known = try index.sourcesAndCursors()
        state.withLock { state in
            state.sources = known.sources
            state.sealedCursors = CursorTable(known.cursors)
        }
        try refresh(days: nil, progress: progress)
    }

    /// Takes in what the aggregator wrote since: entries of the journal and sealed files.
    ///
    /// Looks at the folders of the newest days, and at one of the others by turns;
    /// ``refreshAll(progress:)`` looks at all of them.
    public func refresh() throws(ArchiveError) {
        let days = try directory.days()
        let looked = state.withLock { state in
            // And one of the others each time: it may have been compacted, or brought back.
            state.lookedAt += 1
            let other = days.isEmpty ? [] : [days[state.lookedAt % days.count]]
            return state.segments.map(\.file.day) + other
        }
        let newest = days.suffix(Limits.refreshedDays)
        try refresh(days: Set(looked + newest), progress: { _, _ in })
    }

    /// Takes in what is new in any folder, and notes which files are missing.
    public func refreshAll(progress: (Int, Int) -> Void = { _, _ in }) throws(ArchiveError) {
        try refresh(days: nil, progress: progress)
    }

    /// What is wrong with files of the archive, as lines for people.
    public var problems: [String] {
        state.withLock { state in
            state.problems + state.damage.problems
                + state.segmentProblems.sorted { $0.key < $1.key }.flatMap(\.value)
        }
    }

    /// The fields with a sample in `range`, or with a run of samples around it, by name.
    public func fields(in range: Range<Timestamp>) throws(ArchiveError) -> [FieldSummary] {
        try withState { state throws(ArchiveError) in
            var summaries = Dictionary(
                uniqueKeysWithValues: try index.fields(in: range).map { ($0.name, $0) }
            )
            let reduced = try index.reduced(in: range).flatMap(\.summaries)
            for summary in reduced + state.segments.flatMap({ $0.summaries(in: range) }) {
                summaries[summary.name] =
                    summaries[summary.name].map { $0.merged(with: summary) } ?? summary
            }
            return summaries.values.sorted { $0.name < $1.name }
        }
    }

    /// What is known to be missing in `range`, in order of time.
    public func gaps(in range: Range<Timestamp>) throws(ArchiveError) -> [LedgerEntry] {
        try withState { state throws(ArchiveError) in
            var gaps = Set(try index.gaps(in: range))
            let instances = Set(cursorTable(state).entries.keys.map(\.instance))
            for (hour, cause) in try index.unreadableFiles(in: range) {
                // Whose samples it had nobody knows: they may be anybody's.
                for instance in instances.isEmpty ? ["unknown"] : instances {
                    gaps.insert(
                        LedgerEntry(
                            instance: instance,
                            feed: nil,
                            from: hour.lowerBound,
                            to: hour.upperBound,
                            count: nil,
                            cause: cause
                        )
                    )
                }
            }
            for entry in state.segments.flatMap(\.ledger) + state.damage.rows
            where entry.from < range.upperBound && entry.to >= range.lowerBound {
                gaps.insert(entry)
            }
            return gaps.sorted {
                ($0.from, $0.to, $0.instance, $0.cause) < ($1.from, $1.to, $1.instance, $1.cause)
            }
        }
    }

    /// The newest time of a timeline that the archive holds; nil if it holds none.
    public func newestCommitted(
        instance: String,
        feed: String
    ) throws(ArchiveError) -> Timestamp? {
        try withState { state throws(ArchiveError) in
            try newest(instance: instance, feed: feed, &state)
        }
    }

    /// The epochs of an instance that are older than its newest and not known to have ended:
    /// samples of theirs may still come, whatever their times.
    public func unfinishedEpochs(of instance: String) -> [Int64] {
        state.withLock { state in
            cursorTable(state).unfinishedEpochs(of: instance)
        }
    }

    /// How far the archive has come, by its files.
    public var cursors: [Cursor] { state.withLock { cursorTable($0).cursors } }

    /// The bytes that rows of open segments take now, about.
    var openByteCount: Int { state.withLock { $0.segments.reduce(0) { $0 + $1.byteCount } } }

    private func cursorTable(_ state: borrowing State) -> CursorTable {
        var table = state.sealedCursors
        for segment in state.segments {
            for cursor in segment.cursors.entries.values { table.merge(cursor) }
        }
        return table
    }

    /// The newest time of a timeline, looked up in the index once.
    func newest(
        instance: String,
        feed: String,
        _ state: inout State
    ) throws(ArchiveError) -> Timestamp? {
        let name = "\(instance).\(feed)"
        if let known = state.newest[name] { return known }
        let newest = try index.newest(instance: instance, feed: feed)
        if let newest { state.newest[name] = newest }
        return newest
    }

    /// Calls `body` with the state, which nobody changes meanwhile.
    ///
    /// An index that cannot be used is filled anew, and `body` is called once more.
    func withState<Result: Sendable>(
        _ body: (inout State) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        let result = state.withLock { state -> Swift.Result<Result, ArchiveError> in
            do throws(ArchiveError) {
                do throws(ArchiveError) {
                    return .success(try body(&state))
                } catch {
                    guard case .index = error else { throw error }
                    try index.reset()
                    try refresh(&state, days: nil)
                    return .success(try body(&state))
                }
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

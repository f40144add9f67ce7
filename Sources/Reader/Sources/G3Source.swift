internal import Archive
internal import Synchronization
internal import Telemetry

/// A tree of `.g3` files as a source of answers; opened by the first refresh that can.
final class G3Source: SampleSource {
    private struct State {
        var store: G3Store?
        var looked: Timestamp?
        var waiting = 0
    }

    private let root: String
    private let directory: String
    private let holder: String
    private let time: any TimeSource
    private let told: ToldProblems
    private let state = Mutex(State())

    /// The tree at `root`, whose index stands in the folder `directory` of an archive.
    init(root: String, directory: String, holder: String, time: any TimeSource) {
        self.root = root
        self.directory = directory
        self.holder = holder
        self.time = time
        told = ToldProblems(in: root)
    }

    /// Looks at the tree now and then; a tree that is new is scanned in pieces, newest files first,
    /// so that the archive is followed meanwhile.
    ///
    /// A tree that cannot be read is told, and keeps nobody from reading the archive.
    func refresh() throws(QueryError) {
        let now = time.now
        let isDue = state.withLock { state in
            state.waiting > 0 || state.looked.map { now >= $0 + ReaderLimits.treePeriod } ?? true
        }
        guard isDue else { return }
        do throws(ArchiveError) {
            let store = try opened()
            let waiting = try store.refresh(patience: ReaderLimits.treePatience)
            told.tell(try store.problems)
            state.withLock { state in
                state.waiting = waiting
                state.looked = now
            }
        } catch {
            told.tell(["\(error)"])
            state.withLock { $0.looked = now }
        }
    }

    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] {
        try answer([]) { store throws(ArchiveError) in try store.fields(in: range) }
    }

    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice {
        let none = TimelineSlice(
            timestamps: [],
            columns: fields.map { _ in .doubles([Double]()) },
            fields: fields.map { _ in nil },
            leftOut: 0,
            revision: 0
        )
        return try answer(none) { store throws(ArchiveError) in
            try store.timeline(
                instance: fields[0].instance,
                feed: fields[0].feed,
                fields: fields.map(\.field),
                range: range,
                limit: limit
            )
        }
    }

    func buckets(
        of fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets? {
        try reduced(fields, on: grid, limit: limit, deadline)
    }

    /// The newest sample: frames come in the order of time.
    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? {
        try answer(nil) { store throws(ArchiveError) in
            try store.newest(instance: instance, feed: feed)
        }
    }

    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts] {
        try answer([]) { store throws(ArchiveError) in
            try store.rowCounts(between: edges, of: isWanted)
        }
    }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] {
        try answer([]) { store throws(ArchiveError) in try store.gaps(in: range) }
    }

    private func opened() throws(ArchiveError) -> G3Store {
        if let store = state.withLock({ $0.store }) { return store }
        let store = try G3Store(
            root: root,
            beside: ArchiveDirectory(directory),
            holder: holder,
            time: time
        )
        state.withLock { $0.store = store }
        return store
    }

    /// What the store says; `none` while it could not be opened, which was told.
    private func answer<Answer>(
        _ none: Answer,
        _ body: (G3Store) throws(ArchiveError) -> Answer
    ) throws(QueryError) -> Answer {
        guard let store = state.withLock({ $0.store }) else { return none }
        do throws(ArchiveError) {
            return try body(store)
        } catch {
            throw .archive("\(error)")
        }
    }
}

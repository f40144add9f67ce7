internal import Archive
internal import Synchronization
internal import Telemetry

/// The archive in a folder as a source of answers; opened by the first refresh that can.
final class ArchiveSource: SampleSource {
    /// What a query needs again and again and what changes with a new declaration only.
    private struct Lateness {
        var duration: Duration
        var asOf: Timestamp
    }

    private let directory: String
    private let holder: String
    private let cache: Int
    private let store = Mutex<ArchiveStore?>(nil)
    /// Held while the store is opened, which may take long, so that queries are not.
    private let opening = Mutex(())
    private let lookedAtAll = Mutex(ContinuousClock.now)
    private let latenesses = Mutex<[String: Lateness]>([:])
    private let told: ToldProblems

    /// The archive in the folder `directory`, which may come into being later.
    ///
    /// - Parameters:
    ///   - directory: the folder of the archive.
    ///   - holder: who reads it, for another reader that is refused.
    ///   - cache: bytes of samples to keep.
    init(directory: String, holder: String, cache: Int) {
        self.directory = directory
        self.holder = holder
        self.cache = cache
        told = ToldProblems(in: directory)
    }

    func refresh() throws(QueryError) {
        if let store = store.withLock({ $0 }) {
            let now = ContinuousClock.now
            let isDue = lookedAtAll.withLock { last in
                guard now - last > ReaderLimits.wholeLook else { return false }
                last = now
                return true
            }
            try translated { () throws(ArchiveError) in
                // What was imported, or compacted, may lie in any day.
                if isDue { try store.refreshAll() } else { try store.refresh() }
            }
            return told.tell(store.problems)
        }
        let result = opening.withLock { _ -> Result<Void, QueryError> in
            guard store.withLock({ $0 }) == nil else { return .success(()) }
            do throws(ArchiveError) {
                let opened = try ArchiveStore(
                    ArchiveDirectory(directory),
                    holder: holder,
                    cache: cache
                )
                store.withLock { $0 = opened }
                return .success(())
            } catch {
                return .failure(.archive("\(error)"))
            }
        }
        try result.get()
    }

    func close() { store.withLock { $0 = nil } }

    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] {
        let store = try open()
        return try translated { () throws(ArchiveError) in try store.fields(in: range) }
    }

    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice {
        let store = try open()
        return try translated { () throws(ArchiveError) in
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
        let store = try open()
        do throws(ArchiveError) {
            return try store.buckets(
                instance: fields[0].instance,
                feed: fields[0].feed,
                fields: fields.map(\.field),
                grid: grid,
                limit: limit,
                isStopped: { deadline.isOver }
            )
        } catch {
            if case .stopped = error { try deadline.check() }
            throw .archive("\(error)")
        }
    }

    /// The newest committed time less the declared lateness.
    ///
    /// What an older epoch still has is not older than that epoch, whose number is the time at
    /// which it began; so until it has ended nothing from then on is final.
    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? {
        let store = try open()
        return try translated { () throws(ArchiveError) in
            guard
                let newest = try store.newestCommitted(instance: instance, feed: feed)
            else { return nil }
            let oldest = store.unfinishedEpochs(of: instance).min()
                .map(Timestamp.init(nanoseconds:))
            let lateness = try lateness(instance, feed, store, newest)
            return min(newest, oldest ?? newest) - lateness
        }
    }

    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts] {
        let store = try open()
        return try translated { () throws(ArchiveError) in
            try store.rowCounts(between: edges, of: isWanted)
        }
    }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] {
        let store = try open()
        return try translated { () throws(ArchiveError) in try store.gaps(in: range) }
    }

    func status() throws(QueryError) -> ArchiveStatus? {
        guard let store = store.withLock({ $0 }) else { return nil }
        return try translated { () throws(ArchiveError) in try store.status() }
    }

    func damagedFiles() throws(QueryError) -> Int {
        guard let store = store.withLock({ $0 }) else { return 0 }
        return try translated { () throws(ArchiveError) in try store.damagedFiles() }
    }

    /// The lateness that the feed declared with its newest sample, looked up again when the
    /// timeline has moved on by a minute: the look is not free and a new declaration is rare.
    private func lateness(
        _ instance: String,
        _ feed: String,
        _ store: ArchiveStore,
        _ newest: Timestamp
    ) throws(ArchiveError) -> Duration {
        let name = "\(instance).\(feed)"
        if let known = latenesses.withLock({ $0[name] }), newest >= known.asOf,
            newest - known.asOf < .seconds(60)
        {
            return known.duration
        }
        let lateness = try store.lateness(instance: instance, feed: feed, at: newest)
        latenesses.withLock { $0[name] = Lateness(duration: lateness, asOf: newest) }
        return lateness
    }

    private func open() throws(QueryError) -> ArchiveStore {
        guard let store = store.withLock({ $0 }) else {
            throw .archive(
                "\(directory) is open while the reader's operation `serve` runs; if that has just "
                    + "begun, ask again in a moment"
            )
        }
        return store
    }

    private func translated<Result>(
        _ body: () throws(ArchiveError) -> Result
    ) throws(QueryError) -> Result {
        do throws(ArchiveError) {
            return try body()
        } catch {
            throw .archive("\(error)")
        }
    }
}

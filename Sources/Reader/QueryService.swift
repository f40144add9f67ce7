internal import Synchronization
public import Telemetry

/// Answers queries on threads of its own; equal ones that are under way at once share the work.
public final class QueryService: Sendable {
    private typealias Waiter = CheckedContinuation<Result<DataAnswer, QueryError>, Never>

    private let engine: QueryEngine
    private let pool: WorkPool
    /// A thread for itself: queries that wait must not keep others from seeing what is new.
    private let refresher: WorkPool
    private let underWay = Mutex<[DataQuery: [Waiter]]>([:])
    /// The clock that relative times refer to.
    let time: any TimeSource

    /// A service over the archive in `directory`, which may come into being later; the first
    /// ``refresh()`` that finds it opens it.
    ///
    /// - Parameters:
    ///   - directory: the folder of the archive.
    ///   - holder: who reads it, for another reader that is refused: instance, host, process.
    ///   - cache: bytes of decoded samples to keep.
    ///   - time: the clock that relative times refer to.
    public convenience init(
        directory: String,
        holder: String,
        cache: Int,
        time: any TimeSource
    ) {
        let source = ArchiveSource(directory: directory, holder: holder, cache: cache)
        self.init(
            engine: QueryEngine(archive: source),
            pool: WorkPool(time: time),
            time: time
        )
    }

    init(engine: QueryEngine, pool: WorkPool, time: any TimeSource) {
        self.engine = engine
        self.pool = pool
        refresher = WorkPool(time: time, threads: 1, waiting: 1)
        self.time = time
    }

    /// Takes note of what the archive has got since the last time.
    public func refresh() async throws(QueryError) {
        try await answer(on: refresher) { engine, _ throws(QueryError) in try engine.refresh() }
    }

    /// Which fields have samples in a range.
    public func fields(_ query: FieldsQuery) async throws(QueryError) -> FieldsAnswer {
        try await answer(on: pool) { engine, deadline throws(QueryError) in
            try engine.fields(query, deadline)
        }
    }

    /// Samples or buckets of fields.
    public func data(_ query: DataQuery) async throws(QueryError) -> DataAnswer {
        let result: Result<DataAnswer, QueryError> = await withCheckedContinuation { waiter in
            let isFirst = underWay.withLock { underWay in
                underWay[query, default: []].append(waiter)
                return underWay[query]?.count == 1
            }
            if isFirst { begin(query) }
        }
        return try result.get()
    }

    /// What is known to be missing or doubtful in a range, in order of time.
    public func gaps(_ query: GapsQuery) async throws(QueryError) -> [LedgerEntry] {
        try await ledger(query).rows
    }

    /// What is known to be missing or doubtful in a range, and how much of that is left out.
    public func ledger(_ query: GapsQuery) async throws(QueryError) -> LedgerAnswer {
        try await answer(on: pool) { engine, deadline throws(QueryError) in
            try engine.gaps(query, deadline)
        }
    }

    /// How much of each timeline is there, hour by hour.
    public func completeness(
        _ query: CompletenessQuery
    ) async throws(QueryError) -> CompletenessAnswer {
        try await answer(on: pool) { engine, deadline throws(QueryError) in
            try engine.completeness(query, deadline)
        }
    }

    /// Answers a question of another form, on the same threads.
    func run<Answer: Sendable>(
        _ body: @escaping @Sendable (QueryEngine, Deadline) throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        try await answer(on: pool, body)
    }

    /// Makes the part of a text answer that begins with the piece `first`.
    func part(of answer: TextAnswer, from first: Int) async -> TextAnswer.Part {
        await pool.step { answer.part(from: first) }
    }

    /// How many wait for the answer to `query`.
    func waiters(for query: DataQuery) -> Int { underWay.withLock { $0[query]?.count ?? 0 } }

    private func begin(_ query: DataQuery) {
        let engine = engine
        pool.submit { deadline throws(QueryError) in
            try engine.data(query, deadline)
        } done: { result in
            let waiters = self.underWay.withLock { $0.removeValue(forKey: query) } ?? []
            for waiter in waiters { waiter.resume(returning: result) }
        }
    }

    private func answer<Answer: Sendable>(
        on pool: WorkPool,
        _ body: @escaping @Sendable (QueryEngine, Deadline) throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        let engine = engine
        let result: Result<Answer, QueryError> = await withCheckedContinuation { waiter in
            pool.submit { deadline throws(QueryError) in
                try body(engine, deadline)
            } done: { result in
                waiter.resume(returning: result)
            }
        }
        return try result.get()
    }
}

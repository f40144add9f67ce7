internal import Archive
internal import Synchronization
public import Telemetry

/// Answers queries on threads of its own.
///
/// Equal ones that are under way at once share the work. A query whose task is cancelled ends at
/// once; its work is stopped unless another one waits for it.
public final class QueryService: Sendable {
    private let engine: QueryEngine
    private let pool: WorkPool
    /// A thread for itself: queries that wait must not keep others from seeing what is new.
    private let refresher: WorkPool
    private let fieldsWork = SharedWork<FieldsQuery, FieldsAnswer>()
    private let dataWork = SharedWork<DataQuery, DataAnswer>()
    private let gapsWork = SharedWork<GapsQuery, LedgerAnswer>()
    private let completenessWork = SharedWork<CompletenessQuery, CompletenessAnswer>()
    /// The clock that relative times refer to.
    let time: any TimeSource
    /// What was asked so far.
    let counters = QueryCounters()
    private let lastRefresh = Mutex<(at: Duration, problem: String?)?>(nil)

    /// A service over the archive in `directory`, which may come into being later; the first
    /// ``refresh()`` that finds it opens it.
    ///
    /// - Parameters:
    ///   - directory: the folder of the archive.
    ///   - holder: who reads it, for another reader that is refused: instance, host, process.
    ///   - cache: bytes of samples to keep.
    ///   - g3: trees of `.g3` files that answer where the archive has nothing.
    ///   - time: the clock that relative times refer to.
    public convenience init(
        directory: String,
        holder: String,
        cache: Int,
        g3: [String] = [],
        time: any TimeSource
    ) {
        let source = ArchiveSource(directory: directory, holder: holder, cache: cache)
        let trees = g3.map { root in
            G3Source(root: root, directory: directory, holder: holder, time: time)
        }
        self.init(
            engine: QueryEngine(
                archive: trees.isEmpty ? source : JoinedSource([source] + trees, time: time)
            ),
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
    ///
    /// - Returns: how many of its files are cut, damaged or cannot be read.
    @discardableResult
    public func refresh() async throws(QueryError) -> Int {
        let engine = engine
        let result: Result<Int, QueryError> = await withCheckedContinuation { waiter in
            refresher.submit { _ throws(QueryError) in
                try engine.refresh()
                return try engine.archive.damagedFiles()
            } done: { result in
                waiter.resume(returning: result)
            }
        }
        let now = time.monotonic
        switch result {
        case .success: lastRefresh.withLock { $0 = (now, nil) }
        case .failure(let error): lastRefresh.withLock { $0 = (now, "\(error)") }
        }
        return try result.get()
    }

    /// Why answers may not be as new as the archive; nil if they are.
    var unreadiness: String? {
        guard let last = lastRefresh.withLock({ $0 }) else { return "the archive is being opened" }
        if let problem = last.problem { return problem }
        let age = time.monotonic - last.at
        return age <= ReaderLimits.readyAge
            ? nil : "the archive was looked at \(Int(age.inSeconds)) s ago"
    }

    /// How many queries run and how many wait.
    var load: (running: Int, waiting: Int) { pool.load }

    /// How the archive stands; nil until it is open.
    func status() async throws(QueryError) -> ArchiveStatus? {
        try await run(.status) { engine, _ throws(QueryError) in try engine.archive.status() }
    }

    /// Lets go of the archive once nobody asks any more, so that another reader may open it.
    public func close() { engine.archive.close() }

    /// Which fields have samples in a range.
    public func fields(_ query: FieldsQuery) async throws(QueryError) -> FieldsAnswer {
        let engine = engine
        return try await counted(.fields) { () throws(QueryError) in
            try await fieldsWork.answer(query, on: pool) { deadline throws(QueryError) in
                try engine.fields(query, deadline)
            }
        }
    }

    /// Samples or buckets of fields.
    public func data(_ query: DataQuery) async throws(QueryError) -> DataAnswer {
        let engine = engine
        return try await counted(.data) { () throws(QueryError) in
            try await dataWork.answer(query, on: pool) { deadline throws(QueryError) in
                try engine.data(query, deadline)
            }
        }
    }

    /// What is known to be missing or doubtful in a range, in order of time.
    public func gaps(_ query: GapsQuery) async throws(QueryError) -> [LedgerEntry] {
        try await ledger(query).rows
    }

    /// What is known to be missing or doubtful in a range, and how much of that is left out.
    public func ledger(_ query: GapsQuery) async throws(QueryError) -> LedgerAnswer {
        let engine = engine
        return try await counted(.gaps) { () throws(QueryError) in
            try await gapsWork.answer(query, on: pool) { deadline throws(QueryError) in
                try engine.gaps(query, deadline)
            }
        }
    }

    /// How much of each timeline is there, hour by hour.
    public func completeness(
        _ query: CompletenessQuery
    ) async throws(QueryError) -> CompletenessAnswer {
        let engine = engine
        return try await counted(.completeness) { () throws(QueryError) in
            try await completenessWork.answer(query, on: pool) { deadline throws(QueryError) in
                try engine.completeness(query, deadline)
            }
        }
    }

    /// Answers a question of another form, on the same threads; nobody shares it.
    func run<Answer: Sendable>(
        _ kind: QueryCounters.Kind,
        _ body: @escaping @Sendable (QueryEngine, Deadline) throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        let engine = engine
        return try await counted(kind) { () throws(QueryError) in
            try await SharedWork<Int, Answer>().answer(0, on: pool) {
                deadline throws(QueryError) in try body(engine, deadline)
            }
        }
    }

    private func counted<Answer>(
        _ kind: QueryCounters.Kind,
        _ body: () async throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        let start = time.monotonic
        do throws(QueryError) {
            let answer = try await body()
            counters.count(kind, nil, time.monotonic - start)
            return answer
        } catch {
            counters.count(kind, error, time.monotonic - start)
            throw error
        }
    }

    /// Does a step of making an answer, on the threads that queries have.
    func step<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await pool.step(body)
    }

    /// Makes the part of a text answer that begins with the piece `first`.
    func part(of answer: TextAnswer, from first: Int) async -> TextAnswer.Part {
        await pool.step { answer.part(from: first) }
    }

    /// How many wait for the answer to `query`.
    func waiters(for query: DataQuery) -> Int { dataWork.askers(of: query) }
}

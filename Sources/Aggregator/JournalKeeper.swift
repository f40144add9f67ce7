internal import Archive
internal import Log
internal import Telemetry
internal import ZeroMQ

/// A ``JournalDesk`` on a thread of its own: disks block.
///
/// Batches are taken as they come and committed together, at most ``AggregatorLimits/commitPeriod``
/// after the first of them.
actor JournalKeeper {
    private let thread: Reactor
    private let desk: JournalDesk

    /// The archive's random id, which every fetch names.
    nonisolated let archive: String

    /// Tells whenever something begins to wait for a commit, and since when it waits.
    nonisolated let waiting: AsyncStream<Duration>
    private let waitingSink: AsyncStream<Duration>.Continuation

    /// Where tasks go on that mostly wait for the keeper.
    nonisolated var executor: any TaskExecutor { thread }

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Takes the archive's lock and finds out how far the archive has come.
    ///
    /// - Throws: `ArchiveError`, in one sentence where another writer has it.
    init(
        directory: ArchiveDirectory,
        settings: JournalSettings,
        reserve: Int,
        holder: String,
        time: any TimeSource
    ) throws {
        desk = try JournalDesk(
            directory: directory,
            settings: settings,
            reserve: reserve,
            holder: holder,
            time: time
        )
        archive = desk.archive
        thread = try Reactor()
        (waiting, waitingSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether the process before this one was not stopped in order.
    var followsUncleanStop: Bool { desk.followsUncleanStop }

    /// How it is doing.
    var status: JournalStatus { desk.status }

    /// Begins the pull of `instance` where the journal ends.
    func beginPull(of instance: String) { desk.beginPull(of: instance) }

    /// Ends the pull of `instance`.
    func endPull(of instance: String) { desk.endPull(of: instance) }

    /// What to ask `instance` for; nil where nothing can be taken now.
    func request(of instance: String) -> FetchRequest? { desk.request(of: instance) }

    /// Takes what `instance` answered to `request`.
    func take(
        _ answer: FetchAnswer,
        to request: FetchRequest,
        of instance: String,
        clockLead: Duration
    ) throws -> PullState.Next {
        let before = desk.uncommittedSince
        defer {
            if before == nil, let since = desk.uncommittedSince { waitingSink.yield(since) }
        }
        return try desk.take(answer, to: request, of: instance, clockLead: clockLead)
    }

    /// Commits what waits long enough; how long that took, nil where nothing waited.
    func commitIfDue() throws -> Duration? { try desk.commitIfDue() }

    /// The segment that is written now.
    func segmentPath() -> String { desk.segmentPath }

    /// Segments that were closed since the last call, for the sealer.
    func takeClosedSegments() -> [String] { desk.takeClosedSegments() }

    /// Commits what is left and lets go of the archive; nothing is taken afterwards.
    func close() throws { try desk.close() }

    /// Ends the thread.
    nonisolated func shutdown() async { await thread.shutdown() }
}

internal import Archive
internal import ArchiveFormat
internal import Log
internal import Telemetry
internal import ZeroMQ

/// The archive's one writer, on a thread of its own: batches in, commits out.
///
/// Batches are taken as they come and committed together, at most ``AggregatorLimits/commitPeriod``
/// after the first of them; ``committed(_:)`` tells how far that has come.
actor JournalKeeper {
    private let thread: Reactor
    private let lock: any FolderLock
    private let journal: JournalWriter
    private let time: any TimeSource
    /// The newest epoch of each instance in the journal, committed or not.
    private var newestEpochs: [String: Int64]
    private var uncommittedSince: Duration?
    private var isClosed = false

    /// The archive's random id, which every fetch names.
    nonisolated let archive: String

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Records and bytes that were appended so far.
    private(set) var recordCount: Int64 = 0, byteCount: Int64 = 0

    /// Takes the archive's lock and finds out how far the archive has come.
    ///
    /// - Throws: `ArchiveError`, in one sentence where another writer has it.
    init(
        directory: ArchiveDirectory,
        settings: JournalSettings,
        holder: String,
        time: any TimeSource
    ) throws {
        let (archive, lock) = try directory.lockForWriting(holder: holder)
        self.archive = archive
        self.lock = lock
        self.time = time
        let journal = try JournalWriter(
            directory: directory,
            archive: archive,
            settings: settings,
            time: time
        )
        newestEpochs = Dictionary(
            journal.cursors.map { ($0.instance, $0.epoch) },
            uniquingKeysWith: max
        )
        self.journal = journal
        thread = try Reactor()
    }

    /// Where fetching of `instance` goes on: its newest epoch, nil where the archive has none.
    func cursor(of instance: String) -> Cursor? {
        newestEpochs[instance].flatMap { journal.cursor(of: instance, epoch: $0) }
    }

    /// What of `instance` is on the disk.
    func committed(_ instance: String) -> Cursor? {
        journal.cursors.filter { $0.instance == instance }.max { $0.epoch < $1.epoch }
    }

    /// Takes a batch; it is on the disk after the next commit.
    func append(_ answer: FetchAnswer, of instance: String) throws {
        for loss in answer.losses { journal.appendLedger(loss) }
        if answer.count > 0 {
            if newestEpochs[instance] == nil, answer.first > 1 {
                // An archive that joins late misses nothing of what was before it.
                journal.join(
                    instance: instance,
                    epoch: answer.epoch,
                    after: answer.first - 1,
                    crc: 0
                )
            }
            try answer.frames.withUnsafeBytes { frames in
                try journal.append(
                    instance: instance,
                    epoch: answer.epoch,
                    first: answer.first,
                    count: answer.count,
                    received: time.now,
                    frames: frames
                )
            }
            newestEpochs[instance] = max(newestEpochs[instance] ?? 0, answer.epoch)
        }
        recordCount += answer.count
        byteCount += Int64(answer.frames.count)
        if uncommittedSince == nil { uncommittedSince = time.monotonic }
    }

    /// Nothing of an epoch will follow, though its end never came; `loss` says what that means.
    func finish(_ instance: String, epoch: Int64, loss: LedgerEntry? = nil) {
        if let loss { journal.appendLedger(loss) }
        journal.finish(instance: instance, epoch: epoch)
        if uncommittedSince == nil { uncommittedSince = time.monotonic }
    }

    /// Commits what waits long enough; how long that took, nil where nothing waited.
    func commitIfDue() throws -> Duration? {
        guard !isClosed else { return nil }
        guard let since = uncommittedSince,
            time.monotonic - since >= AggregatorLimits.commitPeriod
        else {
            try journal.rotateIfDue(at: time.now)
            return nil
        }
        let start = time.monotonic
        try journal.commit()
        uncommittedSince = nil
        return time.monotonic - start
    }

    /// The segment that is written now.
    func segmentPath() -> String { journal.segmentPath }

    /// Segments that were closed since the last call, for the sealer.
    func takeClosedSegments() -> [String] { journal.takeClosedSegments() }

    /// Commits what is left and lets go of the archive; nothing is taken afterwards.
    func close() throws {
        guard !isClosed else { return }
        isClosed = true
        // Not left to the last reference: whoever records next may come before that is gone.
        defer { lock.unlock() }
        try journal.commit()
    }

    /// Ends the thread.
    nonisolated func shutdown() async { await thread.shutdown() }
}

package import Archive
package import ArchiveFormat
package import Log
package import Telemetry

/// What the archive's one writer decides: what to fetch, what to take, when to commit.
///
/// Neither a thread nor a task: every call does its work and returns, so that the keeper runs it
/// on a thread of its own, and a simulation in whichever order a seed says.
package final class JournalDesk {
    private let lock: any FolderLock
    private let journal: JournalWriter
    private let time: any TimeSource
    private var pulls: [String: PullState] = [:]
    /// The newest epoch of each instance in the journal, committed or not.
    private var newestEpochs: [String: Int64]
    private var uncommittedSince: Duration?
    private var isClosed = false

    /// The archive's random id, which every fetch names.
    package let archive: String
    /// Records and bytes that were appended so far.
    package private(set) var recordCount: Int64 = 0, byteCount: Int64 = 0

    /// Takes the archive's lock and finds out how far the archive has come.
    ///
    /// - Throws: `ArchiveError`, in one sentence where another writer has it.
    package init(
        directory: ArchiveDirectory,
        settings: JournalSettings,
        holder: String,
        time: any TimeSource
    ) throws(ArchiveError) {
        let (archive, lock) = try directory.lockForWriting(holder: holder)
        self.archive = archive
        self.lock = lock
        self.time = time
        journal = try JournalWriter(
            directory: directory,
            archive: archive,
            settings: settings,
            time: time
        )
        newestEpochs = Dictionary(
            journal.cursors.map { ($0.instance, $0.epoch) },
            uniquingKeysWith: max
        )
    }

    /// Where fetching of `instance` goes on: its newest epoch, nil where the archive has none.
    package func cursor(of instance: String) -> Cursor? {
        newestEpochs[instance].flatMap { journal.cursor(of: instance, epoch: $0) }
    }

    /// How far an epoch of `instance` is taken, committed or not.
    package func cursor(of instance: String, epoch: Int64) -> Cursor? {
        journal.cursor(of: instance, epoch: epoch)
    }

    /// What of `instance` is on the disk.
    package func committed(_ instance: String) -> Cursor? {
        journal.cursors.filter { $0.instance == instance }.max { $0.epoch < $1.epoch }
    }

    /// Begins the pull of `instance` where the journal ends: nobody waits for an answer now.
    package func beginPull(of instance: String) {
        pulls[instance] = PullState(of: instance, into: self)
    }

    /// What to ask `instance` for; nil where nothing can be taken now.
    package func request(of instance: String, maxBytes: Int? = nil) -> FetchRequest? {
        let pull = pulls[instance] ?? PullState(of: instance, into: self)
        pulls[instance] = pull
        return pull.request(for: self, maxBytes: maxBytes ?? Int(AggregatorLimits.batchBytes))
    }

    /// Takes what `instance` answered to `request`; it is on the disk after the next commit.
    ///
    /// - Throws: why the journal takes nothing; then nothing of the answer was taken.
    package func take(
        _ answer: FetchAnswer,
        to request: FetchRequest,
        of instance: String
    ) throws(ArchiveError) -> PullState.Next {
        guard var pull = pulls[instance] else { return .overtaken }
        let next = try pull.take(answer, to: request, into: self)
        pulls[instance] = pull
        return next
    }

    /// Commits what waits long enough; how long that took, nil where nothing waited.
    package func commitIfDue() throws(ArchiveError) -> Duration? {
        guard !isClosed else { return nil }
        guard let since = uncommittedSince,
            time.monotonic - since >= AggregatorLimits.commitPeriod
        else {
            try journal.rotateIfDue(at: journal.receiveTime())
            return nil
        }
        let start = time.monotonic
        try journal.commit()
        uncommittedSince = nil
        return time.monotonic - start
    }

    /// Whether something waits for the next commit.
    package var hasUncommitted: Bool { uncommittedSince != nil }

    /// The segment that is written now.
    package var segmentPath: String { journal.segmentPath }

    /// Segments that were closed since the last call, for the sealer.
    package func takeClosedSegments() -> [String] { journal.takeClosedSegments() }

    /// Commits what is left and lets go of the archive; nothing is taken afterwards.
    package func close() throws(ArchiveError) {
        guard !isClosed else { return }
        isClosed = true
        // Not left to the last reference: whoever records next may come before that is gone.
        defer { lock.unlock() }
        try journal.commit()
    }
}

// What a pull does to the journal.
extension JournalDesk {
    /// Takes a batch and what is known to be missing before or behind it.
    func append(_ answer: FetchAnswer, of instance: String) throws(ArchiveError) {
        let first = answer.count > 0 ? answer.first : answer.losses.compactMap(\.first).min()
        if newestEpochs[instance] == nil, let first, first > 1 {
            // An archive that joins late misses nothing of what was before it.
            journal.join(instance: instance, epoch: answer.epoch, after: first - 1, crc: 0)
        }
        try answer.frames.withUnsafeBufferPointer { frames throws(ArchiveError) in
            try journal.append(
                instance: instance,
                epoch: answer.epoch,
                first: answer.first,
                count: answer.count,
                received: journal.receiveTime(),
                frames: UnsafeRawBufferPointer(frames),
                losses: answer.losses
            )
        }
        note(instance, answer.epoch)
        recordCount += answer.count
        byteCount += Int64(answer.frames.count)
    }

    /// Nothing of an epoch will follow, though its end never came.
    func finish(_ instance: String, epoch: Int64) {
        journal.finish(instance: instance, epoch: epoch)
        note(instance, epoch)
    }

    /// The instance holds other records of an epoch than the archive, which has `position`.
    func endDiverged(_ instance: String, epoch: Int64, at position: Int64) {
        guard journal.cursor(of: instance, epoch: epoch)?.isFinished != true else { return }
        let now = journal.receiveTime()
        journal.appendLedger(
            LedgerEntry(
                instance: instance,
                feed: nil,
                from: journal.lastPublished(of: instance, epoch: epoch) ?? now,
                to: now,
                count: nil,
                cause: "the disk of the instance was rolled back: epoch \(epoch) "
                    + "ends at position \(position) here",
                epoch: epoch,
                first: position + 1
            )
        )
        finish(instance, epoch: epoch)
    }

    private func note(_ instance: String, _ epoch: Int64) {
        newestEpochs[instance] = max(newestEpochs[instance] ?? 0, epoch)
        if uncommittedSince == nil { uncommittedSince = time.monotonic }
    }
}

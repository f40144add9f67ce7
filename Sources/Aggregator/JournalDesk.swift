package import Archive
package import ArchiveFormat
package import Log
package import Telemetry

/// What the archive's one writer decides: what to fetch, what to take, when to commit.
///
/// Neither a thread nor a task: every call does its work and returns, so that the keeper runs it
/// on a thread of its own, and a simulation in whichever order a seed says.
package final class JournalDesk {
    private let directory: ArchiveDirectory
    private let lock: any FolderLock
    private let journal: JournalWriter
    private let time: any TimeSource
    private let reserve: Int
    private var watch = DiskWatch()
    /// Closed segments that are not sealed, with their length; those that the sealer was not told.
    private var unsealed: [String: Int] = [:], closed: [String] = []
    private var pulls: [String: PullState] = [:]
    /// The newest epoch of each instance in the journal, committed or not.
    private var newestEpochs: [String: Int64]
    /// Since when something waits for the next commit; nil where nothing does.
    package private(set) var uncommittedSince: Duration?
    /// What came while the clock of an instance's host was off, and is not entered yet.
    private var clocks: [String: ClockNote] = [:]
    private var isClosed = false

    /// Whether the process before this one was not stopped in order.
    package let followsUncleanStop: Bool

    /// The archive's random id, which every fetch names.
    package let archive: String
    /// Records and bytes that were appended so far.
    package private(set) var recordCount: Int64 = 0, byteCount: Int64 = 0

    /// Takes the archive's lock and finds out how far the archive has come.
    ///
    /// `reserve` is how many bytes of the disk stay free beside those that sealing needs.
    ///
    /// - Throws: `ArchiveError`, in one sentence where another writer has it.
    package init(
        directory: ArchiveDirectory,
        settings: JournalSettings,
        reserve: Int = 0,
        holder: String,
        time: any TimeSource
    ) throws(ArchiveError) {
        let (archive, lock) = try directory.lockForWriting(holder: holder)
        self.directory = directory
        self.reserve = reserve
        self.archive = archive
        self.lock = lock
        self.time = time
        journal = try JournalWriter(
            directory: directory,
            archive: archive,
            settings: settings,
            time: time
        )
        followsUncleanStop = Self.mark(directory)
        newestEpochs = Dictionary(
            journal.cursors.map { ($0.instance, $0.epoch) },
            uniquingKeysWith: max
        )
        lookAtDisk()
    }

    /// Where fetching of `instance` goes on: its newest epoch, nil where the archive has none.
    package func cursor(of instance: String) -> Cursor? {
        newestEpochs[instance].flatMap { journal.cursor(of: instance, epoch: $0) }
    }

    /// How far an epoch of `instance` is taken, committed or not.
    package func cursor(of instance: String, epoch: Int64) -> Cursor? {
        journal.cursor(of: instance, epoch: epoch)
    }

    /// What of `instance` is on the disk: its newest epoch up to `epoch`.
    package func committed(_ instance: String, upTo epoch: Int64 = .max) -> Cursor? {
        journal.cursors.filter { $0.instance == instance && $0.epoch <= epoch }
            .max { $0.epoch < $1.epoch }
    }

    /// Begins the pull of `instance` where the journal ends: nobody waits for an answer now.
    package func beginPull(of instance: String) {
        pulls[instance] = PullState(of: instance, into: self)
    }

    /// Ends the pull of `instance`: it is away.
    package func endPull(of instance: String) {
        pulls[instance] = nil
    }

    /// What to ask `instance` for; nil where nothing can be taken now.
    package func request(of instance: String, maxBytes: Int? = nil) -> FetchRequest? {
        let pull = pulls[instance] ?? PullState(of: instance, into: self)
        pulls[instance] = pull
        guard !isClosed, watch.low == nil, journal.hasRoom else {
            pulls[instance]?.pause()
            return nil
        }
        let share = max(AggregatorLimits.fetchedBytes / pulls.count, AggregatorLimits.littleBatch)
        let most = maxBytes ?? min(share, AggregatorLimits.batchBytes)
        return pull.request(for: self, maxBytes: most)
    }

    /// Takes what `instance` answered to `request`; it is on the disk after the next commit.
    ///
    /// `clockLead` is how far the clock of the instance's host is ahead of the own one.
    ///
    /// - Throws: why the journal takes nothing; then nothing of the answer was taken.
    package func take(
        _ answer: FetchAnswer,
        to request: FetchRequest,
        of instance: String,
        clockLead: Duration = .zero
    ) throws(ArchiveError) -> PullState.Next {
        guard var pull = pulls[instance] else { return .overtaken }
        let next = try pull.take(answer, to: request, clockLead: clockLead, into: self)
        pulls[instance] = pull
        return next
    }

    /// Commits what waits long enough; how long that took, nil where nothing waited.
    ///
    /// A disk that refused is left alone for a second.
    package func commitIfDue() throws(ArchiveError) -> Duration? {
        guard !isClosed else { return nil }
        if watch.isDue(at: time.monotonic) { lookAtDisk() }
        guard journal.mayTry else { return nil }
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

    /// The clock of what is received: it never runs backwards.
    package var receiveTime: Timestamp { journal.clock.last }

    /// How it is doing.
    package var status: JournalStatus {
        JournalStatus(
            records: recordCount,
            bytes: byteCount,
            free: watch.free,
            unsealed: unsealedByteCount,
            waiting: journal.waitingByteCount,
            failures: journal.failureCount,
            behind: pulls.map { behind($0.key, $0.value) }.max() ?? .zero,
            isCaughtUp: pulls.values.allSatisfy(\.isCaughtUp),
            clockLead: journal.clock.lead,
            trouble: trouble
        )
    }

    /// Whether something waits for the next commit.
    package var hasUncommitted: Bool { uncommittedSince != nil }

    /// The segment that is written now.
    package var segmentPath: String { journal.segmentPath }

    /// Segments that were closed since the last call, for the sealer.
    package func takeClosedSegments() -> [String] {
        noteClosed()
        defer { closed = [] }
        return closed
    }

    /// Commits what is left and lets go of the archive; nothing is taken afterwards.
    package func close() throws(ArchiveError) {
        guard !isClosed else { return }
        isClosed = true
        // Not left to the last reference: whoever records next may come before that is gone.
        defer { lock.unlock() }
        for instance in Array(clocks.keys) { enterClock(of: instance) }
        try journal.commit()
        try? directory.disk.removeIfThere(Self.marker(directory))
    }
}

// What the disk has room for.
extension JournalDesk {
    private var trouble: JournalTrouble? {
        guard let failure = journal.failure else { return watch.low }
        return JournalTrouble(failure) ?? .stuck("\(failure)")
    }

    /// Leaves a file that goes when recording is stopped in order; whether one was there.
    ///
    /// Nothing hangs on it but a line of the session's log.
    private static func mark(_ directory: ArchiveDirectory) -> Bool {
        do throws(DiskError) {
            _ = try directory.disk.open(marker(directory), .create)
            try directory.disk.syncFolder(directory.path)
            return false
        } catch {
            if case .exists = error { return true }
            return false
        }
    }

    private static func marker(_ directory: ArchiveDirectory) -> String {
        "\(directory.path)/archive.open"
    }

    private var unsealedByteCount: Int {
        unsealed.values.reduce(journal.segmentByteCount, +)
    }

    private func noteClosed() {
        for path in journal.takeClosedSegments() {
            closed.append(path)
            unsealed[path] = 0
        }
    }

    /// Sees what was sealed, and how much room is left: sealing needs a quarter of the journal.
    private func lookAtDisk() {
        noteClosed()
        for path in unsealed.keys {
            let file = try? directory.disk.open("\(directory.path)/\(path)", .read)
            unsealed[path] = file.flatMap { try? $0.size() }
        }
        watch.note(
            free: try? directory.disk.freeBytes(in: directory.path),
            needed: reserve + unsealedByteCount / 4,
            at: time.monotonic
        )
    }

    private func behind(_ instance: String, _ pull: PullState) -> Duration {
        guard let cursor = cursor(of: instance) else { return .zero }
        if pull.isCaughtUp, journal.isCommitted(instance, epoch: cursor.epoch) { return .zero }
        guard
            let published = journal.committedPublished(of: instance, epoch: cursor.epoch)
                ?? committed(instance).flatMap({
                    journal.committedPublished(of: instance, epoch: $0.epoch)
                })
        else { return .zero }
        return max(.zero, time.now - published)
    }
}

// What a pull does to the journal.
extension JournalDesk {
    /// Takes a batch and what is known to be missing before or behind it.
    func append(
        _ answer: FetchAnswer,
        of instance: String,
        clockLead: Duration
    ) throws(ArchiveError) {
        let before = cursor(of: instance, epoch: answer.epoch)?.position ?? 0
        let since = journal.lastPublished(of: instance, epoch: answer.epoch)
        let lost = answer.losses.filter { $0.epoch == answer.epoch }.compactMap(\.first)
        let first = (lost + (answer.count > 0 ? [answer.first] : [])).min()
        if newestEpochs[instance] == nil, let first, first > 1 {
            // An archive that joins late misses nothing of what was before it, but what the log
            // tells of.
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
        let end = answer.first + answer.count
        let taken = min(max(before + 1, answer.first), end)
        noteClock(of: instance, clockLead, answer.epoch, taken..<end, since)
    }

    /// Nothing of an epoch will follow, though its end never came.
    func finish(_ instance: String, epoch: Int64) {
        journal.finish(instance: instance, epoch: epoch)
        note(instance, epoch)
    }

    /// The instance holds other records of an epoch than the archive, which has `position`.
    func endDiverged(_ instance: String, epoch: Int64, at position: Int64) {
        guard let known = journal.cursor(of: instance, epoch: epoch), !known.isFinished else {
            return
        }
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

    /// Enters, now and then, which records came while the clock of their host was off.
    private func noteClock(
        of instance: String,
        _ lead: Duration,
        _ epoch: Int64,
        _ positions: Range<Int64>,
        _ since: Timestamp?
    ) {
        if let open = clocks[instance], !lead.isClockTrouble || open.epoch != epoch {
            enterClock(of: instance)
        }
        guard lead.isClockTrouble, !positions.isEmpty,
            let until = journal.lastPublished(of: instance, epoch: epoch)
        else { return }
        var note =
            clocks[instance]
            ?? ClockNote(
                epoch: epoch,
                first: positions.lowerBound,
                from: min(since ?? until, until),
                since: time.monotonic
            )
        note.end = positions.upperBound
        note.to = until
        note.lead = lead
        clocks[instance] = note
        if time.monotonic - note.since >= AggregatorLimits.clockPeriod { enterClock(of: instance) }
    }

    private func enterClock(of instance: String) {
        guard let note = clocks.removeValue(forKey: instance) else { return }
        journal.appendLedger(note.entry(of: instance))
        self.note(instance, note.epoch)
    }

    private func note(_ instance: String, _ epoch: Int64) {
        newestEpochs[instance] = max(newestEpochs[instance] ?? 0, epoch)
        if uncommittedSince == nil { uncommittedSince = time.monotonic }
    }
}

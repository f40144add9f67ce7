internal import Synchronization
public import Telemetry

/// An agent's spool: a log of records that archives read by position.
///
/// One process has the folder open at a time. A thread of the log's own opens and syncs files and
/// deletes them, and writes all that waits with one call; who appends writes what takes a single
/// call to an open file, if asked to. See <doc:Log>.
public final class AgentLog: Sendable {
    /// What a site file says about a spool.
    public struct Settings: Hashable, Sendable {
        /// Bytes of all segments; the oldest one goes when there are more.
        public var size: Int
        /// Bytes of one segment, about; a quarter of ``size`` at most.
        public var segmentSize: Int
        /// Bytes that may wait for the disk; who appends more waits.
        public var queueLimit: Int
        /// Bytes that are kept in memory while the disk refuses to be written.
        public var memoryLimit: Int
        /// How long records that are written stay unsynced; also the time between two tries of a
        /// disk that failed.
        public var syncInterval: Duration

        /// Settings; the sizes are in bytes.
        public init(
            size: Int = 1 << 30,
            segmentSize: Int = 16 << 20,
            queueLimit: Int = 8 << 20,
            memoryLimit: Int = 64 << 20,
            syncInterval: Duration = .seconds(1)
        ) {
            self.size = size
            self.segmentSize = min(segmentSize, max(1, size / Limits.fewestSegments))
            self.queueLimit = queueLimit
            self.memoryLimit = max(memoryLimit, queueLimit)
            self.syncInterval = syncInterval
        }
    }

    let folder: String
    let instance: String
    let settings: Settings
    let disk: any Disk
    let time: any TimeSource
    let bootID: String
    let onEvent: @Sendable (LogEvent) -> Void
    let lock: any FolderLock
    let state: Guarded<LogState>
    let wakeup = Wakeup()
    /// Held while the table of commits is written: by the log's thread, and by the first fetch of
    /// an archive.
    let saving = Mutex(())
    /// Rings when the next wait for a record is over.
    let alarm = Mutex(Alarm())
    private let thread: Mutex<SystemThread?>
    /// What writes, for whoever does; nil when the log is closed.
    let writer: Guarded<LogWriter?>
    /// Whether there is no thread.
    let isDriven: Bool

    /// The newest epochs before the one that began with this log, the last one last; at most 64.
    ///
    /// Who holds the folder's lock knows that whoever wrote them is gone. One is not enough: who
    /// died before anybody heard of it hides the one that others know.
    public let predecessors: [Int64]

    /// Opens the spool in `folder`, which is created where it is missing, and begins an epoch.
    ///
    /// - Parameters:
    ///   - folder: the folder, of this log alone.
    ///   - instance: whose log it is, for the ledger.
    ///   - settings: sizes and intervals.
    ///   - disk: the disk.
    ///   - time: the clocks.
    ///   - bootID: what changes when the machine starts again, one word: an epoch that was not
    ///     closed under another one may have lost what was not synced.
    ///   - onEvent: called on the log's own thread, in order; it must not block.
    /// - Throws: ``LogError/held(folder:holder:)`` or ``LogError/disk(_:)``.
    public convenience init(
        folder: String,
        instance: String,
        settings: Settings = Settings(),
        disk: any Disk,
        time: any TimeSource,
        bootID: String,
        onEvent: @escaping @Sendable (LogEvent) -> Void = { _ in }
    ) throws(LogError) {
        try self.init(
            folder: folder,
            instance: instance,
            settings: settings,
            disk: disk,
            time: time,
            bootID: bootID,
            isDriven: false,
            onEvent: onEvent
        )
    }

    /// Opens a spool as the public initializer does, but without a thread where `isDriven`: then
    /// nothing is written until ``work()`` is called.
    package init(
        folder: String,
        instance: String,
        settings: Settings = Settings(),
        disk: any Disk,
        time: any TimeSource,
        bootID: String,
        isDriven: Bool,
        onEvent: @escaping @Sendable (LogEvent) -> Void = { _ in }
    ) throws(LogError) {
        let opening = try LogOpening(
            folder: folder,
            instance: instance,
            disk: disk,
            now: time.now,
            bootID: bootID
        )
        self.folder = folder
        self.instance = instance
        self.settings = settings
        self.disk = disk
        self.time = time
        self.bootID = opening.bootID
        self.onEvent = onEvent
        lock = opening.lock
        predecessors = opening.predecessors
        state = Guarded(
            LogState(
                settings: settings,
                epoch: opening.epoch,
                epochs: opening.epochs,
                segments: opening.segments,
                commits: opening.commits,
                starts: EpochStarts(opening)
            )
        )
        thread = Mutex(nil)
        writer = Guarded(nil)
        self.isDriven = isDriven
        writer.withLock { $0 = LogWriter(self, opening.marker) }
        guard !isDriven else { return }
        let started = SystemThread { [self] in write() }
        thread.withLock { $0 = started }
    }

    /// Works until the log is closed; on its thread.
    private func write() {
        while true {
            let patience = work(on: writer)
            if state.withLock({ $0.isClosed }) { return }
            wakeup.wait(nanoseconds: patience?.nanoseconds)
        }
    }

    /// Does all that is to be done by now, and tells how long there is nothing more; nil is for
    /// ever.
    func work(on writer: Guarded<LogWriter?>) -> Duration? {
        writer.withLock { writer in
            let patience = writer?.work()
            if state.withLock({ $0.isClosed }) { writer = nil }
            return patience ?? nil
        }
    }

    /// The current epoch: the clock when it began, in nanoseconds, but beyond every earlier one.
    public var epoch: Int64 { state.withLock { $0.epoch } }

    /// The newest position of the current epoch that a fetch returns; 0 before the first record.
    public var newestPosition: Int64 { state.withLock { $0.readable } }

    /// How far each archive that ever fetched has committed, by its id: epoch and position.
    public var commits: [String: (epoch: Int64, position: Int64)] {
        state.withLock { $0.progress.mapValues { ($0.epoch, $0.position) } }
    }

    /// What the log holds, and for whom.
    public var status: LogStatus {
        state.withLock { state in
            LogStatus(
                epoch: state.epoch,
                newest: state.readable,
                oldestEpoch: state.oldestHeld.epoch,
                oldest: state.oldestHeld.position,
                byteCount: state.byteCount,
                memoryByteCount: state.queueBytes,
                size: settings.size,
                failure: state.failure,
                archives: state.progress.mapValues {
                    LogStatus.Commit(epoch: $0.epoch, position: $0.position)
                }
            )
        }
    }

    /// Forgets an archive that will never come back: it holds no segment any more.
    ///
    /// - Returns: whether it was known. One that fetches again is known again.
    @discardableResult
    public func forget(archive: String) -> Bool {
        let (isKnown, wakes) = state.withLock { state in
            let isKnown = state.progress.removeValue(forKey: archive) != nil
            state.places[archive] = nil
            state.unsavedArchives.remove(archive)
            state.forgetReadFailures(archive)
            state.knownFrom[archive] = nil
            state.hasNewProgress = state.hasNewProgress || isKnown
            return (isKnown, state.wakesThread())
        }
        if wakes { wakeup.give() }
        return isKnown
    }

    /// Ends the epoch in order and lets go of the folder; returns when all of that is on disk.
    ///
    /// A log that cannot write gives up what is in memory, and says so by ``LogEvent/lost``.
    public func close() async {
        await stop { state, now in
            guard !state.isClosing else { return }
            state.encode(.end, published: now)
            state.isClosing = true
            state.isForced = true
        }
    }

    /// Stops without a word, as a process does that is killed; for simulations of that.
    ///
    /// A driven log is closed or abandoned when this returns, without having suspended.
    package func abandon() async {
        await stop { state, _ in
            state.isAbandoned = true
            state.isClosing = true
        }
    }

    private func stop(_ change: (inout LogState, Timestamp) -> Void) async {
        let now = time.now
        state.withLock { state in
            change(&state, now)
            state.resumeRecordWaiters()
            for waiter in state.spaceWaiters { waiter.resume(returning: .failed(.closed)) }
            state.spaceWaiters.removeAll()
        }
        alarm.withLock { $0.clear() }
        wakeup.give()
        _ = work()
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            state.withLock { state in
                if state.isClosed {
                    continuation.resume()
                } else {
                    state.closeWaiters.append(continuation)
                }
            }
        }
        // The thread has done its last work: it is gone in microseconds.
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }
}

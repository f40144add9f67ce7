internal import ArchiveFormat
internal import Telemetry

/// What the thread of a log does: writes, syncs, frees; all calls that change the disk are here.
final class LogWriter {
    /// What is to be done next.
    private enum Job {
        case write(Run), publish(WrittenRecords), sync, saveProgress
        case note([MemoryNote], ordinal: Int64), index(Segment), delete([Segment], [RecordLoss])
        case again, finish, stop, wait(Duration?)
    }

    /// A file that has records which are not synced, and as far as it is.
    struct Unsynced {
        let file: any SegmentFile
        let epoch: Int64, first: Int64
        let beginsWithDeclarations: Bool
        var end: Int, next: Int64
    }

    let log: AgentLog
    /// The file that is written; nil where the next record begins another one.
    var file: (any SegmentFile)?
    var fileEpoch: Int64 = 0
    var unsynced: [Unsynced] = []
    var unsyncedBytes = 0
    /// When what is written is synced next.
    ///
    /// The thread wakes by itself then, once more than there is something to sync: who writes each
    /// second need not wake it.
    private var syncDue = Duration.zero
    var retryDue = Duration.zero
    private var saveDue = Duration.zero
    var savedEpochs: [EpochEntry] = []
    private var fullTenths = 0
    private var isOver = false

    /// Says what would be lost if the process died now.
    var marker: Result<MemoryMarker, DiskError>
    /// The last one that could be used.
    var former: MemoryMarker?
    /// Whether the next note has to be synced.
    var isNoteUnsynced = false

    init(_ log: AgentLog, _ marker: Result<MemoryMarker, DiskError>) {
        self.log = log
        self.marker = marker
        former = try? marker.get()
    }

    /// Writes what waits on the thread of whoever appended it, if that is one call and nothing else
    /// is due; false where the log's own thread has to go on.
    ///
    /// What may block for long is never done here: to open files, sync and delete.
    func writeAtOnce() -> Bool {
        let now = log.time.monotonic
        let run = log.state.withLock { state -> Run? in
            guard state.failure == nil, !state.isClosing, state.events.isEmpty, state.drop == nil,
                let run = state.queue.first, !begins(run)
            else { return nil }
            state.queue[0].isTaken = true
            return run
        }
        guard let run else { return false }
        // The thread waits for what is due; a sync that it does not wait for is something new.
        let isAwaited = syncDue > now
        noteSyncDue(after: now)
        write(run)
        return log.state.withLock { state in
            guard isAwaited, state.failure == nil, state.queue.isEmpty, !wantsSync(state, now),
                state.byteCount <= log.settings.size
            else { return false }
            state.isThreadIdle = true
            return true
        }
    }

    /// Works until there is nothing to do now, and tells how long: nil is until somebody asks.
    func work() -> Duration? {
        while !isOver {
            let now = log.time.monotonic
            let (job, events) = log.state.withLock { state in
                let job = nextJob(&state, now)
                let events = state.events
                state.events.removeAll()
                return (job, events)
            }
            for event in events { log.onEvent(event) }
            switch job {
            case .write(let run):
                noteSyncDue(after: now)
                write(run)
            case .publish(let records): log.onEvent(.written(records))
            case .sync:
                sync()
                syncDue = syncBeat
            case .saveProgress:
                saveDue = now + Limits.saveInterval
                log.saveProgress()
            case .note(let notes, let ordinal): note(notes, ordinal)
            case .index(let segment): index(segment)
            case .delete(let segments, let losses): delete(segments, losses)
            case .again: break
            case .finish: finish()
            case .stop: end()
            case .wait(let duration): return duration
            }
        }
        return nil
    }

    private func nextJob(_ state: inout LogState, _ now: Duration) -> Job {
        if state.isAbandoned { return .stop }
        if let notes = notesDue(&state) { return .note(notes, ordinal: state.accepted) }
        if state.failure != nil, let records = Self.unpublished(&state) { return .publish(records) }
        let mayTry = state.failure == nil || state.isForced || now >= retryDue
        if mayTry, let run = state.queue.first {
            // After a power cut no segment is there whose predecessors, and with them the
            // declarations that it relies on, are not.
            if begins(run), !unsynced.isEmpty { return .sync }
            state.queue[0].isTaken = true
            return .write(run)
        }
        // A disk that has no room can sync what it has: it is not held up by what it refused.
        if !unsynced.isEmpty, wantsSync(state, now) { return .sync }
        if mayTry { state.isForced = false }
        if mayTry, unsynced.isEmpty, state.queue.isEmpty {
            if state.failure != nil {
                // The sync that failed left nothing that could be written anew.
                state.failure = nil
                state.events.append(.recovered)
            }
            state.synced = state.written
            state.resumeWaiters()
        }
        if state.isClosing { return .finish }
        if let job = freeing(&state) { return job }
        if state.hasNewProgress, now >= saveDue { return .saveProgress }
        var due: [Duration] = []
        if state.failure != nil { due.append(retryDue) }
        if !unsynced.isEmpty || syncDue > now { due.append(syncDue) }
        if state.hasNewProgress { due.append(saveDue) }
        state.isThreadIdle = true
        return .wait(due.min().map { max($0 - now, .milliseconds(1)) })
    }

    /// The next beat at which the log is synced.
    private var syncBeat: Duration {
        log.time.nextBeat(every: log.settings.syncInterval, after: Limits.syncPhase)
    }

    /// What is written now is synced when the thread wakes next, if it does by itself.
    private func noteSyncDue(after now: Duration) {
        if unsynced.isEmpty, syncDue <= now { syncDue = syncBeat }
    }

    private func wantsSync(_ state: borrowing LogState, _ now: Duration) -> Bool {
        now >= syncDue || unsyncedBytes >= Limits.unsynced || state.isClosing || state.drop != nil
            || state.syncGoal > state.synced
    }

    /// Records in memory that have not gone out on PUB, while the disk refuses to be written.
    private static func unpublished(_ state: inout LogState) -> WrittenRecords? {
        guard
            let index = state.queue.firstIndex(where: { $0.publishedCount < $0.entries.count })
        else { return nil }
        let records = state.queue[index].unpublished(feedNames: state.feedNames)
        state.queue[index].publishedCount = state.queue[index].entries.count
        return records
    }

    /// What can go: segments that everybody has, or the oldest ones of a full spool.
    private func freeing(_ state: inout LogState) -> Job? {
        let committed = state.committedSegments
        if committed > 0 {
            let segments = state.removeSegments(committed)
            if let drop = state.drop {
                // What was announced as lost has arrived everywhere meanwhile: nothing to drop.
                state.drop =
                    drop.count > committed ? (drop.count - committed, drop.ordinal, []) : nil
            }
            return .delete(segments, [])
        }
        if let drop = state.drop {
            guard state.synced >= drop.ordinal else { return nil }
            let segments = state.removeSegments(drop.count)
            state.drop = nil
            return .delete(segments, drop.losses)
        }
        let total = state.byteCount
        noteFilling(Double(total) / Double(log.settings.size), &state)
        guard total > log.settings.size, state.failure == nil else { return nil }
        let count = state.group(of: 1)
        guard count < state.segments.count else { return nil }
        let unread = state.segments[..<count].first { $0.index.map(\.isUnread) ?? true }
        if let unread { return .index(unread) }
        let losses = (0..<count).compactMap { state.loss(of: $0) }
        for loss in state.lossesLost(with: count) + losses {
            state.encode(.loss(loss), published: log.time.now)
        }
        state.drop = (count, state.accepted, losses)
        return .again
    }

    private func noteFilling(_ fraction: Double, _ state: inout LogState) {
        let tenths = min(10, Int(fraction * 10))
        let shown = tenths < 5 ? 0 : tenths
        guard shown != fullTenths else { return }
        fullTenths = shown
        state.events.append(.spoolFilling(fraction))
    }

    private func index(_ segment: Segment) {
        let bytes = try? log.disk.contents(of: "\(log.folder)/\(segment.name)")
        log.state.withLock { state in
            // How much of its epoch goes with one that cannot be read, nobody knows.
            if bytes == nil, segment.index != nil { state.starts.doubt(before: segment.epoch + 1) }
            state.index(segment, bytes ?? [], isSynced: false)
        }
    }

    private func delete(_ segments: [Segment], _ losses: [RecordLoss]) {
        // Whoever opens the log next knows by it why they are gone. A full disk may need the room
        // before it takes that.
        if losses.isEmpty {
            saveDue = log.time.monotonic + Limits.saveInterval
            log.saveProgress()
        }
        // Those without declarations of their own before the one that has them: the process may
        // die at any of them.
        let groups = segments.reduce(into: [[Segment]]()) { groups, segment in
            if groups.isEmpty || segment.beginsWithDeclarations { groups.append([]) }
            groups[groups.count - 1].append(segment)
        }
        for segment in groups.flatMap({ $0.reversed() }) {
            unsynced.removeAll { $0.epoch == segment.epoch && $0.first == segment.first }
            // One that cannot be deleted is found again when the log opens next.
            try? log.disk.removeIfThere("\(log.folder)/\(segment.name)")
        }
        for loss in losses { log.onEvent(.dropped(loss)) }
    }

    /// Everything is written, or cannot be.
    private func finish() {
        let (count, failure) = log.state.withLock { state in
            state.close()
            // The end of the epoch is no loss.
            return (state.accepted - state.written - 1, state.failure)
        }
        if let failure {
            log.onEvent(.lost(count: count, reason: failure))
        } else {
            log.saveProgress()
            let epochs = log.state.withLock { $0.epochs }
            try? log.disk.replace(
                "\(log.folder)/\(LogTables.epochs)",
                with: LogTables.encode(epochs)
            )
        }
        end()
    }

    private func end() {
        isOver = true
        file = nil
        unsynced = []
        log.lock.unlock()
        log.state.withLock { state in
            state.isClosed = true
            for waiter in state.waiters { waiter.continuation.resume(returning: .failed(.closed)) }
            state.waiters.removeAll()
            for waiter in state.closeWaiters { waiter.resume() }
            state.closeWaiters.removeAll()
        }
    }
}

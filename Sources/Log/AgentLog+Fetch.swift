internal import ArchiveFormat
internal import Synchronization
internal import Telemetry

extension AgentLog {
    /// Notes who asks and what they have.
    private func note(_ request: FetchRequest) {
        let (isUnsaved, wakes) = state.withLock { state in
            let wakes = state.note(request)
            return (state.unsavedArchives.contains(request.archive), wakes)
        }
        // Before it has anything: a log that forgot it would let go of what it does not have.
        if isUnsaved { saveProgress() }
        if wakes { wakeup.give() }
    }

    /// Answers one fetch; reads files, and so is called on a thread that may block.
    ///
    /// It also notes what the archive has committed, which is what lets segments go: of an archive
    /// that ever fetched the log keeps what it has not committed, until the spool is full. One that
    /// `isNoted` is looked up again after a wait: an archive that was forgotten meanwhile stays so.
    public func fetch(_ request: FetchRequest, isNoted: Bool = false) -> FetchAnswer {
        var search = FetchSearch(request)
        if !isNoted { note(request) }
        guard state.withLock({ $0.mayServe(search.archive) }) else {
            return FetchAnswer(epoch: search.epoch, state: .caughtUp)
        }
        while true {
            let step = state.withLock { $0.step(&search) }
            switch step {
            case .none: return answer(search, nil)
            case .gone(let next): return gone(search, next)
            case .diverged: return diverged(search)
            case .memory(let piece): return answer(search, piece)
            case .unread(let segment):
                do throws(DiskError) {
                    try readAgain(segment)
                } catch {
                    guard skips(segment, because: error, search) else {
                        return FetchAnswer(epoch: search.epoch, state: .caughtUp)
                    }
                    search.unread = segment.first
                }
            case .file(let source):
                do throws(DiskError) {
                    let file = try disk.open("\(folder)/\(source.segment.name)", .read)
                    let size = try file.size()
                    let end = source.end ?? size
                    var reader = SegmentReader(
                        file: file,
                        epoch: search.epoch,
                        from: source.place,
                        end: end,
                        limit: source.limit,
                        after: search.after,
                        crc: source.crc,
                        maxBytes: search.maxBytes
                    )
                    let piece = try reader.read()
                    if piece.isOther { return diverged(search) }
                    search.before = piece.before ?? search.before
                    search.lastSegment = source.segment.first
                    search.lastEnd = end
                    if piece.count > 0 {
                        search.remembers = true
                        return answer(search, piece)
                    }
                } catch {
                    guard skips(source.segment, because: error, search) else {
                        return FetchAnswer(epoch: search.epoch, state: .caughtUp)
                    }
                    search.lastSegment = source.segment.first
                    search.lastEnd = source.end ?? .max
                }
            }
        }
    }

    /// Answers a fetch by what is in memory; nil where files have to be read or written for it.
    ///
    /// It never blocks. Where it returns nil, ``fetch(_:isNoted:)`` has the answer.
    public func fetchAtOnce(_ request: FetchRequest, isNoted: Bool = false) -> FetchAnswer? {
        var search = FetchSearch(request)
        let (answer, wakes) = state.withLock { state -> (FetchAnswer?, Bool) in
            guard state.progress[search.archive] != nil, state.unsavedArchives.isEmpty else {
                return (nil, false)
            }
            let wakes = !isNoted && state.note(request)
            let answer = state.answerAtOnce(&search, self)
            return (answer, wakes || !state.events.isEmpty && state.wakesThread())
        }
        if wakes { wakeup.give() }
        return answer
    }

    /// Saves how far each archive has committed; where the disk refuses that, what was saved before
    /// keeps more, and a newer one is due soon.
    func saveProgress() {
        saving.withLock { _ in
            if !state.withLock({ $0.knowsProgress }) {
                // What could not be read when the log opened is not written over unread.
                let earlier = LogTables.commits(in: folder, disk)
                guard let earlier else { return }
                state.withLock { $0.takeIn(earlier) }
            }
            let commits = state.withLock { state in
                state.hasNewProgress = false
                return state.isClosed ? nil : state.commits
            }
            guard let commits else { return }
            let path = "\(folder)/\(LogTables.commits)"
            let isSaved = (try? disk.replace(path, with: LogTables.encode(commits))) != nil
            state.withLock { state in
                if isSaved {
                    state.unsavedArchives.subtract(commits.keys)
                } else {
                    state.hasNewProgress = true
                }
            }
        }
    }

    /// Whether to go on behind a segment that was deleted meanwhile, or that cannot be read.
    ///
    /// What comes next shows what is missing. A disk that hesitates is asked again for half a
    /// minute: what is skipped once, the archive never gets.
    private func skips(
        _ segment: Segment,
        because error: DiskError,
        _ search: FetchSearch
    ) -> Bool {
        if case .missing = error { return true }
        let now = time.monotonic
        let (skips, wakes) = state.withLock { state in
            guard state.progress[search.archive] != nil else { return (true, false) }
            var known = state.readFailures[search.archive] ?? (0, now)
            if known.count == 0 { state.events.append(.unreadable(reason: error)) }
            if now >= known.countsFrom { known = (known.count + 1, now + Limits.readPause) }
            let skips = known.count > Limits.readAttempts
            // Each segment has its own attempts.
            state.readFailures[search.archive] = skips ? (1, now) : known
            return (skips, state.wakesThread())
        }
        if wakes { wakeup.give() }
        return skips
    }

    /// Finds out what stands in a segment that could not be read when the log opened.
    private func readAgain(_ segment: Segment) throws(DiskError) {
        let file = try disk.open("\(folder)/\(segment.name)", .read)
        let bytes = try file.contents()
        let isSynced = (try? file.sync()) != nil
        state.withLock { $0.index(segment, bytes, isSynced: isSynced) }
    }

    private func answer(_ search: FetchSearch, _ piece: SegmentReader.Piece?) -> FetchAnswer {
        let (answer, wakes) = state.withLock { state in
            let answer = state.answer(search, piece, self)
            return (answer, !state.events.isEmpty && state.wakesThread())
        }
        if wakes { wakeup.give() }
        return answer
    }

    /// The log does not hold the epoch.
    ///
    /// What a full spool dropped of it has a loss record: what is known of that is told now, and
    /// the rest when the archive comes to it. An archive that the log did not know has none to wait
    /// for, and of an epoch from before a table was damaged nobody knows whether there is one.
    private func gone(_ search: FetchSearch, _ next: Int64) -> FetchAnswer {
        var answer = FetchAnswer(epoch: search.epoch, state: .gone(nextEpoch: next))
        answer.losses = state.withLock { state in
            // One that joins was sent to the epoch by an answer from before the damage.
            guard !search.isJoining || search.epoch < state.starts.since else { return [] }
            return state.goneLosses(search, next, self)
        }
        return answer
    }

    /// What the archive has is not what the log has: the epoch is over.
    private func diverged(_ search: FetchSearch) -> FetchAnswer {
        let now = time.now
        let (next, isNew) = state.withLock { state in
            let isNew = search.epoch == state.epoch && !state.isClosing
            if isNew {
                state.beginEpoch(at: now, bootID: bootID)
                state.events.append(
                    .diverged(
                        archive: search.archive,
                        epoch: search.epoch,
                        newEpoch: state.epoch
                    )
                )
            }
            return (state.epoch(insteadOf: search), isNew)
        }
        if isNew { wakeup.give() }
        return FetchAnswer(epoch: search.epoch, state: .diverged(nextEpoch: next))
    }
}

/// One fetch on its way through the segments.
struct FetchSearch {
    let archive: String
    var epoch: Int64
    var after: Int64
    let crc: UInt32
    let maxBytes: Int
    let isJoining: Bool
    /// The segment that was read last and had nothing behind `after`.
    var lastSegment: Int64?
    /// Where that segment ended then: it may have grown since.
    var lastEnd = 0
    /// The segment that could not be read for half a minute, and that nobody knows the end of.
    var unread: Int64?
    var before: Timestamp?
    var remembers = false

    init(_ request: FetchRequest) {
        archive = request.archive
        epoch = request.epoch
        after = request.epoch == 0 ? 0 : max(0, request.after)
        crc = after == 0 ? 0 : request.crc
        maxBytes = min(max(1, request.maxBytes), Limits.fetch)
        isJoining = request.isJoining
    }
}

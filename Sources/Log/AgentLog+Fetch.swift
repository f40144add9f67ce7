internal import ArchiveFormat
internal import Telemetry

extension AgentLog {
    /// Answers one fetch; reads files, and so is called on a thread that may block.
    ///
    /// It also notes what the archive has committed, which is what lets segments go: of an archive
    /// that ever fetched the log keeps what it has not committed, until the spool is full.
    public func fetch(_ request: FetchRequest) -> FetchAnswer {
        var search = FetchSearch(request)
        if state.withLock({ $0.note(request) }) { wakeup.give() }
        while true {
            let step = state.withLock { $0.step(&search) }
            switch step {
            case .none: return answer(search, nil)
            case .gone(let next): return gone(search, next)
            case .diverged: return diverged(search)
            case .memory(let piece): return answer(search, piece)
            case .file(let source):
                do throws(DiskError) {
                    var reader = SegmentReader(
                        file: try disk.open("\(folder)/\(source.segment.name)", .read),
                        epoch: search.epoch,
                        from: source.place,
                        end: source.end,
                        limit: source.limit,
                        after: search.after,
                        crc: source.crc,
                        maxBytes: search.maxBytes
                    )
                    let piece = try reader.read()
                    if piece.isOther { return diverged(search) }
                    search.before = piece.before ?? search.before
                    search.lastSegment = source.segment.first
                    search.lastEnd = source.end
                    if piece.count > 0 {
                        search.remembers = true
                        return answer(search, piece)
                    }
                } catch {
                    guard skips(source.segment, because: error, search) else {
                        return FetchAnswer(epoch: search.epoch, state: .caughtUp)
                    }
                    search.lastSegment = source.segment.first
                    search.lastEnd = source.end
                }
            }
        }
    }

    /// Whether to go on behind a segment that was deleted meanwhile, or that cannot be read.
    ///
    /// What comes next shows what is missing. A disk that hesitates is asked again first.
    private func skips(
        _ segment: Segment,
        because error: DiskError,
        _ search: FetchSearch
    ) -> Bool {
        if case .missing = error { return true }
        return state.withLock { state in
            guard state.progress[search.archive] != nil else { return true }
            state.readFailures[search.archive, default: 0] += 1
            return state.readFailures[search.archive, default: 0] > Limits.readAttempts
        }
    }

    private func answer(_ search: FetchSearch, _ piece: SegmentReader.Piece?) -> FetchAnswer {
        state.withLock { state in
            var answer = FetchAnswer(epoch: search.epoch, state: .more)
            var last = search.after
            if let piece {
                answer.first = piece.first
                answer.count = piece.count
                answer.frames = piece.frames
                last = piece.first + piece.count - 1
                if piece.first > search.after + 1 {
                    let hole = (search.after + 1)..<piece.first
                    answer.losses = state.losses(hole, search, until: piece.from, instance)
                }
                if search.remembers { state.remember(search, piece, last) }
            }
            let end = state.end(of: search.epoch)
            if piece != nil, last < end { return answer }
            guard search.epoch < state.epoch else {
                answer.state = .caughtUp
                return answer
            }
            if last < end {
                // Nothing behind it can be read, and nothing will follow that shows the hole.
                let to = state.segments.last { $0.epoch == search.epoch }?.index?.to
                answer.losses += state.losses((last + 1)..<(end + 1), search, until: to, instance)
            }
            answer.state = .finished(nextEpoch: state.nextEpoch(after: search.epoch))
            answer.losses += state.endLosses(behind: max(last, end), search, self)
            return answer
        }
    }

    /// The log does not hold the epoch.
    ///
    /// What a full spool dropped of it has a loss record, for which the archive waits; an archive
    /// that the log did not know has none to wait for.
    private func gone(_ search: FetchSearch, _ next: Int64) -> FetchAnswer {
        var answer = FetchAnswer(epoch: search.epoch, state: .gone(nextEpoch: next))
        let isForgotten = state.withLock { $0.hadForgotten(search) }
        guard isForgotten, !search.isJoining else { return answer }
        answer.losses = [
            LedgerEntry(
                instance: instance,
                feed: nil,
                from: Timestamp(nanoseconds: search.epoch),
                to: Timestamp(nanoseconds: next),
                count: nil,
                cause: LossCause.forgotten,
                epoch: search.epoch,
                first: search.after + 1
            )
        ]
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
            return (state.nextEpoch(after: search.epoch) ?? state.epoch, isNew)
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

internal import ArchiveFormat
internal import Telemetry

/// Where the records that a fetch asks for may be.
enum FetchStep {
    struct Source {
        let segment: Segment
        let place: SegmentIndex.Place
        /// Where its good records end; nil where nobody has looked: the end of the file.
        let end: Int?
        let limit: Int64
        let crc: UInt32
    }

    case none
    case gone(next: Int64)
    case diverged
    case file(Source)
    case memory(SegmentReader.Piece)
    /// The last segment of an epoch, which could not be read when the log opened.
    case unread(Segment)
}

extension LogState {
    /// Notes who asks and what they have; true where something may go or has to be saved.
    mutating func note(_ request: FetchRequest) -> Bool {
        guard Name.isValid(request.archive) else { return false }
        var committed = Progress(
            epoch: request.committedEpoch,
            position: request.committedPosition
        )
        // What another life of this disk had says nothing of what is here.
        if isForeign(committed.epoch) { committed = Progress(epoch: 0, position: 0) }
        if let known = progress[request.archive] {
            // A request that was overtaken takes nothing back.
            guard (known.epoch, known.position) < (committed.epoch, committed.position) else {
                return false
            }
        } else if progress.count >= Limits.archives {
            return false
        } else if !request.isJoining {
            knownFrom[request.archive] = oldestHeld
        }
        if progress.updateValue(committed, forKey: request.archive) == nil {
            unsavedArchives.insert(request.archive)
        }
        // One wake-up is enough until it is saved, unless a segment may go.
        let isFirst = !hasNewProgress
        hasNewProgress = true
        return (isFirst || committedSegments > 0) && wakesThread()
    }

    /// Whether an archive may have records: not before the disk knows of it, where it knows of
    /// others.
    ///
    /// If the process died, what those have committed would go without regard to this one.
    func mayServe(_ archive: String) -> Bool {
        !unsavedArchives.contains(archive) || progress.count == 1
    }

    /// Whether an epoch never began here, though an archive has some of it: the disk was rolled
    /// back, or is another one.
    func isForeign(_ epoch: Int64) -> Bool {
        epoch > 0 && !epochs.contains { $0.epoch == epoch } && !starts.mayHave(epoch)
    }

    /// The newest position of the current epoch that a fetch may return now.
    ///
    /// None before the disk knows the epoch's number: the next process might take a smaller one, if
    /// the clock goes back meanwhile, and archives would go on behind it.
    var fetchable: Int64 { starts.saved == epoch ? readable : 0 }

    /// Takes in what was saved earlier about archives.
    mutating func takeIn(_ earlier: [String: Commit]) {
        for (archive, commit) in earlier { knownFrom[archive] = commit.knownFrom }
        progress.merge(earlier.mapValues(\.progress)) { now, _ in now }
        knowsProgress = true
    }

    /// What the table of commits has to say.
    ///
    /// The next process may be the one that tells an archive what went without regard to it.
    var commits: [String: Commit] {
        progress.reduce(into: [:]) { commits, item in
            commits[item.key] = Commit(item.value, knownFrom: knownFrom[item.key])
        }
    }

    /// Where to look next.
    func step(_ search: inout FetchSearch) -> FetchStep {
        if search.epoch == 0 { search.epoch = oldestEpoch }
        let epoch = search.epoch
        guard epochs.contains(where: { $0.epoch == epoch }), epoch <= self.epoch else {
            guard search.after > 0, isForeign(epoch) else {
                return .gone(next: nextEpoch(after: epoch) ?? self.epoch)
            }
            return .diverged
        }
        if epoch == self.epoch, fetchable == 0 { return .none }
        let own = segments.indices.filter { segments[$0].epoch == epoch }
        let unread = own.last.map { segments[$0] }.flatMap { segment in
            segment.index?.isUnread ?? false && segment.first != search.unread ? segment : nil
        }
        if search.after > end(of: epoch) {
            if let unread { return .unread(unread) }
            // An old epoch of which the log lost the end has nothing that the archive lacks.
            return epoch == self.epoch ? .diverged : .none
        }
        if search.lastSegment == nil, recent.holds(search.after, of: epoch) {
            return memory(search)
        }
        var next: Int?
        if let last = search.lastSegment {
            next = own.first { number in
                segments[number].first > last
                    || segments[number].first == last
                        && segments[number].index?.end ?? 0 > search.lastEnd
            }
        } else if let place = matchingPlace(search) {
            if place.crc != search.crc, search.crc != 0 { return .diverged }
            search.before = place.published
            if let number = own.first(where: { segments[$0].first == place.segmentFirst }) {
                if let source = source(number, search, from: place) { return .file(source) }
                search.lastSegment = place.segmentFirst
                next = own.first { segments[$0].first > place.segmentFirst }
            } else {
                next = own.first
            }
        } else {
            next = own.last { segments[$0].first <= max(1, search.after) } ?? own.first
        }
        for number in own.drop(while: { $0 < next ?? .max }) {
            if let source = source(number, search, from: nil) { return .file(source) }
        }
        return unread.map { .unread($0) } ?? memory(search)
    }

    private func matchingPlace(_ search: FetchSearch) -> FetchPlace? {
        places[search.archive]?.last {
            $0.epoch == search.epoch && $0.position == search.after
        }
    }

    /// What to read of a segment; nil where nothing is behind the place.
    private func source(
        _ number: Int,
        _ search: FetchSearch,
        from known: FetchPlace?
    ) -> FetchStep.Source? {
        let segment = segments[number]
        let end = segment.index?.end
        let start =
            known.map { SegmentIndex.Place(position: $0.position + 1, offset: $0.offset) }
            ?? segment.index?.place(for: max(1, search.after))
            ?? SegmentIndex.Place(position: segment.first, offset: 0)
        if let end, start.offset >= end { return nil }
        return FetchStep.Source(
            segment: segment,
            place: start,
            end: end,
            limit: limit(of: number),
            crc: known == nil ? search.crc : 0
        )
    }

    /// What may be fetched and was just written, or is not on the disk yet.
    private func memory(_ search: FetchSearch) -> FetchStep {
        var piece = SegmentReader.Piece()
        for run in recent.runs + queue where run.epoch == search.epoch && run.next > search.after {
            if run.first <= search.after, search.crc != 0,
                run.crc(Int(search.after - run.first)) != search.crc
            {
                return .diverged
            }
            for index in max(0, Int(search.after + 1 - run.first))..<run.entries.count {
                let position = run.first + Int64(index)
                let frame = run.frame(index)
                if run.epoch == epoch, position > fetchable { return .found(piece) }
                if piece.count == 0 {
                    piece.first = position
                    piece.from = Timestamp(nanoseconds: run.entries[index].published)
                } else if position != piece.first + piece.count
                    || piece.frames.count + frame.count > search.maxBytes
                {
                    return .found(piece)
                }
                piece.frames.append(contentsOf: run.bytes[frame])
                piece.count += 1
            }
        }
        return .found(piece)
    }

    /// What to answer with `piece`, or where there is nothing more.
    mutating func answer(
        _ search: FetchSearch,
        _ piece: SegmentReader.Piece?,
        _ log: AgentLog
    ) -> FetchAnswer {
        var answer = FetchAnswer(epoch: search.epoch, state: .more)
        var last = search.after
        if let piece {
            answer.first = piece.first
            answer.count = piece.count
            answer.frames = piece.frames
            last = piece.first + piece.count - 1
            if piece.first > search.after + 1 {
                let hole = (search.after + 1)..<piece.first
                answer.losses = losses(hole, search, until: piece.from, log.instance)
            }
            forgetReadFailures(search.archive)
            if search.remembers { remember(search, piece, last) }
        }
        let end = end(of: search.epoch)
        if piece != nil, last < end { return answer }
        guard search.epoch < epoch else {
            answer.state = .caughtUp
            return answer
        }
        if last < end {
            // Nothing behind it can be read, and nothing will follow that shows the hole.
            let to = segments.last { $0.epoch == search.epoch }?.index?.to
            answer.losses += losses((last + 1)..<(end + 1), search, until: to, log.instance)
        }
        answer.state = .finished(nextEpoch: nextEpoch(after: search.epoch))
        answer.losses += endLosses(behind: max(last, end), search, log)
        return answer
    }

    /// What to answer where nothing but memory has to be looked at for it; nil elsewhere.
    mutating func answerAtOnce(_ search: inout FetchSearch, _ log: AgentLog) -> FetchAnswer? {
        guard search.epoch == epoch else { return nil }
        switch step(&search) {
        case .none: return answer(search, nil, log)
        case .memory(let piece): return answer(search, piece, log)
        default: return nil
        }
    }

    private mutating func remember(
        _ search: FetchSearch,
        _ piece: SegmentReader.Piece,
        _ last: Int64
    ) {
        guard progress[search.archive] != nil, let segment = search.lastSegment else { return }
        var known = places[search.archive] ?? []
        known.removeAll { $0.epoch == search.epoch && $0.position == last }
        known.append(
            FetchPlace(
                epoch: search.epoch,
                position: last,
                crc: piece.crc,
                segmentFirst: segment,
                offset: piece.offset,
                published: piece.published ?? Timestamp(nanoseconds: search.epoch)
            )
        )
        places[search.archive] = Array(known.suffix(2))
    }

    /// What an archive could not read concerns nobody any more.
    mutating func forgetReadFailures(_ archive: String) {
        guard readFailures.removeValue(forKey: archive) != nil, readFailures.isEmpty else { return }
        events.append(.readable)
    }

    /// The oldest epoch of which records are held, or else the current one.
    var oldestEpoch: Int64 { segments.first?.epoch ?? queue.first?.epoch ?? epoch }

    /// The first position of an epoch that is still held.
    func oldestPosition(of epoch: Int64) -> Int64? {
        segments.first { $0.epoch == epoch }?.first ?? queue.first { $0.epoch == epoch }?.first
    }

    /// The last position of an epoch that a fetch can return now.
    func end(of epoch: Int64) -> Int64 {
        if epoch == self.epoch { return fetchable }
        let queued = queue.last { $0.epoch == epoch }.map { $0.next - 1 } ?? 0
        let last = segments.last { $0.epoch == epoch }
        let closed = last == nil ? nil : epochs.first { $0.epoch == epoch }?.last
        return max(queued, closed ?? 0, last?.index.map { $0.next - 1 } ?? 0)
    }

    /// The oldest epoch after `epoch` that has records, or else the current one, if the disk knows
    /// its number.
    func nextEpoch(after epoch: Int64) -> Int64? {
        epochs.first { entry in
            entry.epoch > epoch
                && (entry.epoch == self.epoch && starts.saved == entry.epoch
                    || oldestPosition(of: entry.epoch) != nil
                    || entry.isUntold(under: currentBootID))
        }?.epoch
    }
}

extension LogState {
    /// Where an archive goes on whose epoch ended otherwise than it has it.
    ///
    /// Where all epochs here are older than that one, with those that it has not said to have.
    func epoch(insteadOf search: FetchSearch) -> Int64 {
        if search.epoch <= epoch { return nextEpoch(after: search.epoch) ?? epoch }
        return nextEpoch(after: progress[search.archive]?.epoch ?? 0) ?? epoch
    }
}

extension FetchStep {
    fileprivate static func found(_ piece: SegmentReader.Piece) -> FetchStep {
        piece.count > 0 ? .memory(piece) : .none
    }
}

internal import ArchiveFormat
internal import Telemetry

/// Why records are missing, in the words of the ledger.
enum LossCause {
    static let spoolFull = "spool full"
    static let unsynced = "the spool's disk failed to sync"
    static let damage = "damage in the spool"
    static let doubt = "damage in the spool: its tables could not be read"
    static let forgotten = "no longer in the log: it had forgotten this archive"

    /// The archive's own disk has lost it since.
    static let committed = "no longer in the log: this archive had committed it"

    static func powerLoss(_ interval: Duration) -> String {
        let seconds = interval.inSeconds
        return "power loss, at most \(Int(exactly: seconds).map(String.init) ?? "\(seconds)") s"
    }

    static func memory(_ reason: String) -> String {
        "kept in memory while the spool could not be written (\(reason)), and the process ended"
    }
}

/// A loss record, and where it stands.
struct Announcement: Hashable, Sendable {
    let epoch: Int64, position: Int64
    let loss: RecordLoss

    /// Whether it stands in a segment that ends before the position `limit`.
    func stands(in segment: Segment, _ limit: Int64) -> Bool {
        epoch == segment.epoch && (segment.first..<max(segment.first, limit)).contains(position)
    }
}

extension RecordLoss {
    /// The losses with those put together that join on to each other.
    static func joined(_ losses: [RecordLoss]) -> [RecordLoss] {
        var joined: [RecordLoss] = []
        for loss in losses.sorted(by: { ($0.epoch, $0.first) < ($1.epoch, $1.first) }) {
            if let last = joined.last, last.epoch == loss.epoch, last.cause == loss.cause,
                loss.first <= last.first + last.count
            {
                let end = max(last.first + last.count, loss.first + loss.count)
                joined[joined.count - 1].count = end - last.first
                joined[joined.count - 1].from = min(last.from, loss.from)
                joined[joined.count - 1].to = max(last.to, loss.to)
            } else {
                joined.append(loss)
            }
        }
        return joined
    }

    /// Whether `other` is a part of this.
    func includes(_ other: RecordLoss) -> Bool {
        epoch == other.epoch && cause == other.cause && first <= other.first
            && other.first + other.count <= first + count
    }
}

// What is missing for one archive. A loss is told to it once, since its way through the log has
// one direction: a hole when it goes on behind it, the end of an epoch when it leaves that, and a
// loss record stands behind everything that it is about. So a segment whose loss record is there,
// but which was not deleted because the process died in between, does no harm: who still fetches
// it has its records by the time that it comes to the loss record, and enters nothing.

extension LogState {
    /// The rows for positions of an epoch that the log does not give to an archive.
    ///
    /// Before the oldest that is held they were dropped; behind it they cannot be read.
    func losses(
        _ hole: Range<Int64>,
        _ search: FetchSearch,
        until: Timestamp?,
        _ instance: String
    ) -> [LedgerEntry] {
        let oldest = oldestPosition(of: search.epoch) ?? hole.lowerBound
        let held = min(max(oldest, hole.lowerBound), hole.upperBound)
        let known = min(max(knownPosition(search), hole.lowerBound), held)
        var parts = causes(of: held..<hole.upperBound, search, or: LossCause.damage)
        if !search.isJoining {
            let committed = min(max(committedEnd(search), hole.lowerBound), held)
            let dropped = max(known, committed)
            parts.append((hole.lowerBound..<committed, LossCause.committed))
            parts.append((committed..<dropped, LossCause.forgotten))
            parts += causes(of: dropped..<held, search, or: LossCause.spoolFull)
        }
        let to = until ?? Timestamp(nanoseconds: search.epoch)
        return parts.filter { !$0.0.isEmpty }.map { positions, cause in
            LedgerEntry(
                instance: instance,
                feed: nil,
                from: min(search.before ?? announcedFrom(positions, search) ?? to, to),
                to: to,
                count: Int64(positions.count),
                cause: cause,
                epoch: search.epoch,
                first: positions.lowerBound
            )
        }.sorted { $0.first ?? 0 < $1.first ?? 0 }
    }

    /// The position of the epoch from which on nothing went without the archive's consent but
    /// what a full spool dropped.
    private func knownPosition(_ search: FetchSearch) -> Int64 {
        guard progress[search.archive] != nil else { return .max }
        guard let from = knownFrom[search.archive], from.epoch >= search.epoch else { return 0 }
        return from.epoch == search.epoch ? from.position : .max
    }

    /// The position of the epoch behind what the archive has said that it has committed.
    private func committedEnd(_ search: FetchSearch) -> Int64 {
        guard let said = progress[search.archive], said.epoch >= search.epoch else { return 0 }
        return said.epoch == search.epoch ? said.position + 1 : .max
    }

    /// Whether the log did not know the archive when it lost the epoch.
    func hadForgotten(_ search: FetchSearch) -> Bool { knownPosition(search) == .max }

    /// Positions by what was announced of each, or by `cause` where nothing was.
    private func causes(
        of positions: Range<Int64>,
        _ search: FetchSearch,
        or cause: String
    ) -> [(Range<Int64>, String)] {
        guard !positions.isEmpty else { return [] }
        let edges = announced.map(\.loss).filter { $0.epoch == search.epoch }
            .flatMap { [$0.first, $0.first + $0.count] }
            .filter { positions.contains($0) && $0 > positions.lowerBound }
        var parts: [(Range<Int64>, String)] = []
        var start = positions.lowerBound
        for end in Set(edges).sorted() + [positions.upperBound] {
            let cause = announcedCause(start, search) ?? cause
            if let last = parts.last, last.1 == cause {
                parts[parts.count - 1].0 = last.0.lowerBound..<end
            } else {
                parts.append((start..<end, cause))
            }
            start = end
        }
        return parts
    }

    private func announced(_ positions: Range<Int64>, _ search: FetchSearch) -> RecordLoss? {
        announced.first { announcement in
            let loss = announcement.loss
            return loss.epoch == search.epoch && loss.first < positions.upperBound
                && loss.first + loss.count > positions.lowerBound
        }?.loss
    }

    /// Why a position is missing, where that was announced.
    private func announcedCause(_ position: Int64, _ search: FetchSearch) -> String? {
        announced(position..<(position + 1), search)?.cause
    }

    private func announcedFrom(_ positions: Range<Int64>, _ search: FetchSearch) -> Timestamp? {
        announced(positions, search)?.from
    }

    /// What is missing of an epoch that is not held, as far as that is known.
    ///
    /// What was announced is told when an archive leaves the epoch: the disk that has the loss
    /// records may be rolled back before it comes to them.
    func goneLosses(_ search: FetchSearch, _ next: Int64, _ log: AgentLog) -> [LedgerEntry] {
        var row = LedgerEntry(of: search, log, from: Timestamp(nanoseconds: search.epoch))
        row.to = max(row.from, Timestamp(nanoseconds: next))
        row.first = search.after + 1
        if search.epoch < starts.since {
            row.cause = LossCause.doubt
            return [row, doubt(since: row.from, until: row.to, search, log)]
        }
        if isForeign(search.epoch) { return [] }
        if hadForgotten(search) {
            row.cause = LossCause.forgotten
            return [row]
        }
        let behind = (search.after + 1)..<max(search.after + 1, announcedEnd(of: search.epoch))
        return rows(of: behind, search, row, or: LossCause.spoolFull)
    }
}

// The end of an epoch.
extension LogState {
    /// What is missing behind `position`, the last one of an old epoch that the log or the archive
    /// has.
    func endLosses(
        behind position: Int64,
        _ search: FetchSearch,
        _ log: AgentLog
    ) -> [LedgerEntry] {
        let index = segments.last { $0.epoch == search.epoch }?.index
        let end = index?.to ?? search.before ?? Timestamp(nanoseconds: search.epoch)
        let next = Timestamp(nanoseconds: nextEpoch(after: search.epoch) ?? search.epoch)
        var rows = restLosses(behind: position, search, log, index, end)
        if search.epoch < starts.since {
            rows.append(doubt(since: end, until: next, search, log))
        }
        return rows
    }

    /// The row that speaks of all epochs between one and the next that is there: what they were,
    /// nobody knows.
    func doubt(
        since from: Timestamp,
        until: Timestamp,
        _ search: FetchSearch,
        _ log: AgentLog
    ) -> LedgerEntry {
        var row = LedgerEntry(of: search, log, from: from)
        row.to = max(from, until)
        row.cause = LossCause.doubt
        (row.epoch, row.first) = (search.epoch + 1, 1)
        return row
    }

    /// What is missing of the epoch itself: what was dropped or not written before its end, what
    /// was in memory then, and what may have been behind.
    private func restLosses(
        behind position: Int64,
        _ search: FetchSearch,
        _ log: AgentLog,
        _ index: SegmentIndex?,
        _ end: Timestamp
    ) -> [LedgerEntry] {
        guard let entry = epochs.first(where: { $0.epoch == search.epoch }) else { return [] }
        let isDoubtful = entry.epoch < starts.since
        let isUnknown =
            entry.bootID == EpochEntry.unknownBoot || index?.isUnread ?? false || isDoubtful
        let isCut = !isUnknown && entry.bootID != log.bootID
        let damage = isDoubtful ? LossCause.doubt : LossCause.damage
        let usual = isCut ? LossCause.powerLoss(log.settings.syncInterval) : damage
        // What others have committed went without regard to this one.
        let isForgotten =
            !search.isJoining && oldestPosition(of: entry.epoch) == nil && hadForgotten(search)
        let before = isForgotten ? LossCause.forgotten : usual
        let closed = isForgotten ? (entry.last ?? 0) + 1 : 0
        var row = LedgerEntry(of: search, log, from: end)
        var next = max(
            position + 1,
            entry.memory?.first ?? 0,
            announcedEnd(of: search.epoch),
            closed
        )
        row.to = max(end, entry.memory?.from ?? end)
        var rows = rows(of: (position + 1)..<next, search, row, or: before)
        if let note = entry.memory, note.last >= next {
            (row.first, row.count) = (next, note.last + 1 - next)
            (row.from, row.to) = (note.from, note.to)
            row.cause = LossCause.memory(note.reason)
            rows.append(row)
            next = note.last + 1
            row.from = note.to
        }
        if entry.isClosed || index?.hasEnd ?? false { return rows }
        let isForgottenWhole = isForgotten && rows.isEmpty
        guard isForgottenWhole || isCut || isUnknown || index?.isTailDamaged ?? false else {
            return rows
        }
        (row.first, row.count, row.cause) = (next, nil, isForgottenWhole ? before : usual)
        row.to = isCut ? row.from + log.settings.syncInterval : row.from
        return rows + [row]
    }

    /// The position behind all of an epoch that loss records speak of.
    private func announcedEnd(of epoch: Int64) -> Int64 {
        announced.map(\.loss).filter { $0.epoch == epoch }.map { $0.first + $0.count }.max() ?? 0
    }

    /// Rows like `row` for positions, each with the cause and the time that were announced of it.
    private func rows(
        of positions: Range<Int64>,
        _ search: FetchSearch,
        _ row: LedgerEntry,
        or cause: String
    ) -> [LedgerEntry] {
        causes(of: positions, search, or: cause).map { part, cause in
            var row = row
            if let loss = announced(part, search), loss.cause == cause {
                (row.from, row.to) = (loss.from, loss.to + .nanoseconds(1))
            }
            (row.first, row.count, row.cause) = (part.lowerBound, Int64(part.count), cause)
            return row
        }
    }
}

extension LedgerEntry {
    /// A row of an archive's search, about nothing yet.
    fileprivate init(of search: FetchSearch, _ log: AgentLog, from: Timestamp) {
        self.init(
            instance: log.instance,
            feed: nil,
            from: from,
            to: from,
            count: nil,
            cause: "",
            epoch: search.epoch
        )
    }
}

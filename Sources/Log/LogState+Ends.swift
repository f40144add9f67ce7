internal import ArchiveFormat
internal import Telemetry

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
        let rest = restLosses(behind: position, search, log, index, end)
        return rest + skippedLosses(search, nextEpoch(after: search.epoch), log, from: end)
    }

    /// The row that speaks of all epochs between one and the next that is held, where an archive
    /// may miss some of them: by the number of the first that there can have been.
    func skippedLosses(
        _ search: FetchSearch,
        _ next: Int64?,
        _ log: AgentLog,
        from: Timestamp
    ) -> [LedgerEntry] {
        guard let next, next > search.epoch else { return [] }
        var row = LedgerEntry(of: search, log, from: from)
        row.to = max(from, Timestamp(nanoseconds: next))
        (row.epoch, row.first) = (search.epoch + 1, 1)
        let isSkipping =
            !search.isJoining && starts.epochs.contains { $0 > search.epoch && $0 < next }
        if search.epoch < starts.since {
            row.cause = LossCause.doubt
        } else if isSkipping, hadForgotten(search) {
            row.cause = LossCause.forgotten
        } else if isSkipping, committedEnd(search) == .max {
            row.cause = LossCause.committed
        } else {
            return []
        }
        return [row]
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
        let unheld = unheld(search)
        let isDropped = oldestPosition(of: entry.epoch) == nil && !isCut && !isUnknown
        var row = LedgerEntry(of: search, log, from: end)
        var next = max(
            position + 1,
            entry.memory?.first ?? 0,
            announcedEnd(of: search.epoch),
            unheld?.end ?? 0
        )
        row.to = max(end, entry.memory?.from ?? end)
        let before = unheld?.cause ?? (isDropped ? LossCause.gone : usual)
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
        // What was announced of it may be less than what went with the archive's consent.
        let isLeft = hadForgotten(search) && progress.values.contains { $0.epoch > entry.epoch }
        let isWhole =
            rows.isEmpty || isLeft || committedEnd(search) == .max && !search.isJoining
        let whole = isWhole ? unheld?.cause : nil
        // Of one that is not closed and not held any more the end was never seen.
        guard whole != nil || isCut || isUnknown || index?.isTailDamaged ?? true else {
            return rows
        }
        (row.first, row.count, row.cause) = (next, nil, whole ?? usual)
        row.to = isCut ? row.from + log.settings.syncInterval : row.from
        return rows + [row]
    }

    /// The position behind all of an epoch that loss records speak of.
    func announcedEnd(of epoch: Int64) -> Int64 {
        announced.map(\.loss).filter { $0.epoch == epoch }.map { $0.first + $0.count }.max() ?? 0
    }

    /// Rows like `row` for positions, each with the cause and the time that were announced of it.
    func rows(
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
    init(of search: FetchSearch, _ log: AgentLog, from: Timestamp) {
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

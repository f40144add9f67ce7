internal import ArchiveFormat
internal import Telemetry

/// Why records are missing, in the words of the ledger.
enum LossCause {
    static let spoolFull = "spool full"
    static let unsynced = "the spool's disk failed to sync"
    static let damage = "damage in the spool"
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
        var parts = [(held..<hole.upperBound, announcedCause(held, search) ?? LossCause.damage)]
        if !search.isJoining {
            let committed = min(max(committedEnd(search), hole.lowerBound), held)
            let dropped = max(known, committed)
            parts.append((hole.lowerBound..<committed, LossCause.committed))
            parts.append((committed..<dropped, LossCause.forgotten))
            parts += causes(of: dropped..<held, search)
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

    /// Dropped positions by what was announced of each, which is a full spool where nothing was.
    private func causes(
        of positions: Range<Int64>,
        _ search: FetchSearch
    ) -> [(Range<Int64>, String)] {
        let edges = announced.map(\.loss).filter { $0.epoch == search.epoch }
            .flatMap { [$0.first, $0.first + $0.count] }
            .filter { positions.contains($0) && $0 > positions.lowerBound }
        var parts: [(Range<Int64>, String)] = []
        var start = positions.lowerBound
        for end in Set(edges).sorted() + [positions.upperBound] {
            let cause = announcedCause(start, search) ?? LossCause.spoolFull
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

    /// What is missing behind `position`, the last one of an old epoch that the log or the archive
    /// has.
    func endLosses(
        behind position: Int64,
        _ search: FetchSearch,
        _ log: AgentLog
    ) -> [LedgerEntry] {
        guard let entry = epochs.first(where: { $0.epoch == search.epoch }) else { return [] }
        let index = segments.last { $0.epoch == search.epoch }?.index
        let end = index?.to ?? Timestamp(nanoseconds: search.epoch)
        var row = LedgerEntry(
            instance: log.instance,
            feed: nil,
            from: end,
            to: end,
            count: nil,
            cause: "",
            epoch: search.epoch,
            first: position + 1
        )
        var rows: [LedgerEntry] = []
        let isUnknown = entry.bootID == EpochEntry.unknownBoot || index?.isUnread ?? false
        let isCut = !isUnknown && entry.bootID != log.bootID
        if let note = entry.memory, note.last > position {
            if note.first > position + 1 {
                row.count = note.first - position - 1
                row.to = note.from
                // The segments before it may all have been dropped since.
                let dropped = announced((position + 1)..<note.first, search)?.cause
                row.cause =
                    dropped
                    ?? (isCut ? LossCause.powerLoss(log.settings.syncInterval) : LossCause.damage)
                rows.append(row)
            }
            row.first = max(note.first, position + 1)
            row.count = note.last + 1 - (row.first ?? 0)
            (row.from, row.to) = (note.from, note.to)
            row.cause = LossCause.memory(note.reason)
            rows.append(row)
            (row.first, row.count, row.from) = (note.last + 1, nil, note.to)
        }
        if entry.isClosed || index?.hasEnd ?? false { return rows }
        if isCut {
            row.to = row.from + log.settings.syncInterval
            row.cause = LossCause.powerLoss(log.settings.syncInterval)
            rows.append(row)
        } else if isUnknown || index?.isTailDamaged ?? false {
            row.cause = LossCause.damage
            rows.append(row)
        }
        return rows
    }
}

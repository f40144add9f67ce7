internal import ArchiveFormat
internal import Telemetry

/// Why records are missing, in the words of the ledger.
enum LossCause {
    static let spoolFull = "spool full"
    static let unsynced = "the spool's disk failed to sync"
    static let damage = "damage in the spool"
    static let doubt = "damage in the spool: its tables could not be read"
    /// A full spool, as a rule, of which nothing tells any more.
    static let gone = "no longer in the log"
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

extension EpochEntry {
    /// What the loss records told that were in memory when the process ended.
    var announced: [Announcement] {
        guard let memory else { return [] }
        return memory.losses.map { .init(epoch: epoch, position: memory.first, loss: $0) }
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
            parts += causes(of: dropped..<held, search, or: LossCause.gone)
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
    func committedEnd(_ search: FetchSearch) -> Int64 {
        guard let said = progress[search.archive], said.epoch >= search.epoch else { return 0 }
        return said.epoch == search.epoch ? said.position + 1 : .max
    }

    /// Whether the log did not know the archive when it lost the epoch.
    func hadForgotten(_ search: FetchSearch) -> Bool { knownPosition(search) == .max }

    /// Positions by what was announced of each, or by `cause` where nothing was.
    func causes(
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

    func announced(_ positions: Range<Int64>, _ search: FetchSearch) -> RecordLoss? {
        announced.first { announcement in
            let loss = announcement.loss
            return loss.epoch == search.epoch && loss.first < positions.upperBound
                && loss.first + loss.count > positions.lowerBound
        }?.loss
    }

    /// Why a position is missing, where that was announced.
    private func announcedCause(_ position: Int64, _ search: FetchSearch) -> String? {
        guard let loss = announced(position..<(position + 1), search),
            loss.cause != LossCause.spoolFull || !isHeld(position, despite: loss)
        else { return nil }
        return loss.cause
    }

    /// Whether a segment that was to go is there all the same: the process died in between.
    private func isHeld(_ position: Int64, despite loss: RecordLoss) -> Bool {
        let segment = segments.last { $0.epoch == loss.epoch && $0.first <= position }
        return segment.map { $0.first >= loss.first } ?? false
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
            return [row] + skippedLosses(search, next, log, from: row.from)
        }
        if isForeign(search.epoch) { return [] }
        let skipped = skippedLosses(search, next, log, from: row.from)
        let unheld = unheld(search)
        if let unheld, unheld.end <= search.after + 1 {
            row.cause = unheld.cause
            return [row] + skipped
        }
        let start = search.after + 1
        let end = max(start, announcedEnd(of: search.epoch), unheld?.end ?? 0)
        let told = rows(of: start..<end, search, row, or: unheld?.cause ?? LossCause.gone)
        guard let unheld else {
            guard isUnexplained(search) else { return told + skipped }
            row.cause = LossCause.gone
            return [row] + skipped
        }
        // The disk may know less than the archive had committed when the epoch went.
        (row.first, row.cause) = (end, unheld.cause)
        return told + [row] + skipped
    }

    /// Whether nothing tells why an epoch is gone of which the archive has some: no loss record,
    /// and the archive never said that it had as much as it has.
    ///
    /// A disk that was rolled back to the beginning of the epoch looks like that.
    private func isUnexplained(_ search: FetchSearch) -> Bool {
        !search.isJoining && search.after > 0 && committedEnd(search) <= search.after
            && announcedEnd(of: search.epoch) <= search.after
    }

    /// Why an archive finds nothing of an epoch though no full spool has dropped it, and the
    /// position behind what is known of it; nil where that is not why.
    func unheld(_ search: FetchSearch) -> (cause: String, end: Int64)? {
        guard !search.isJoining, oldestPosition(of: search.epoch) == nil else { return nil }
        let last = epochs.first { $0.epoch == search.epoch }?.last ?? 0
        if hadForgotten(search) {
            // What others have committed went without regard to this one.
            let others = progress.values.filter { $0.epoch == search.epoch }.map(\.position)
            return (LossCause.forgotten, max(last, others.max() ?? 0) + 1)
        }
        let committed = committedEnd(search)
        guard committed > search.after + 1 else { return nil }
        return (LossCause.committed, committed == .max ? last + 1 : committed)
    }
}

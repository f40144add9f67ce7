internal import ArchiveFormat
internal import Telemetry

// What is entered as missing. Of each epoch every position up to its cursor is either in the
// archive or named by one row: a row is entered where the cursor passes over a position, and only
// there, so that nothing is named twice, whoever tells it, however often.

extension JournalWriter {
    /// Takes what the log says beside the records of an epoch, behind what is taken of it.
    func enter(_ losses: [LedgerEntry], of key: CursorTable.Key, received: Timestamp) {
        let told = losses.filter { isAbout(key, $0) }
        if let end = told.compactMap({ $0.positions?.upperBound }).max() {
            let until = told.map(\.to).max() ?? received
            settle(key, upTo: end - 1, told: told, published: until)
        }
        for var loss in losses where loss.positions == nil {
            loss.epoch = loss.epoch ?? key.epoch
            // A row may be about epochs behind this one, by the first that there can have been.
            guard table[key.instance, loss.epoch ?? 0]?.isFinished != true else { continue }
            if loss.count == nil, loss.epoch == key.epoch {
                // About all that may have been behind: the epoch is over.
                loss.first = (table.entries[key]?.position ?? 0) + 1
            }
            note(loss)
        }
    }

    /// Enters what of an older epoch was dropped and never came here; nothing of it can follow.
    ///
    /// None for epochs from before the archive joined the instance: it never waited for them.
    func enter(_ loss: RecordLoss, of instance: String, in epoch: Int64) {
        let key = CursorTable.Key(instance: instance, epoch: loss.epoch)
        guard loss.epoch < epoch, let joined = table.oldestEpoch(of: instance),
            joined <= loss.epoch
        else { return }
        let row = LedgerEntry(loss, of: instance)
        settle(key, upTo: loss.first + loss.count - 1, told: [row], published: row.to)
        finish(instance: instance, epoch: loss.epoch)
    }

    /// Moves the cursor of an epoch to `end` and enters what it passes over.
    ///
    /// `told` says why some of it is missing, `published` when the record behind it came.
    func settle(
        _ key: CursorTable.Key,
        upTo end: Int64,
        told: [LedgerEntry],
        published: Timestamp
    ) {
        var position = (table.entries[key]?.position ?? 0) + 1
        guard position <= end else { return }
        var from = lastPublished[key] ?? told.map(\.from).min() ?? published
        let causes = told.filter { isAbout(key, $0) && $0.positions != nil }
            .sorted { ($0.first ?? 0) < ($1.first ?? 0) }
        func row(_ end: Int64, _ cause: String, to: Timestamp) {
            let row = LedgerEntry(
                instance: key.instance,
                feed: nil,
                from: min(from, to),
                to: to,
                count: end - position,
                cause: cause,
                epoch: key.epoch,
                first: position
            )
            position = end
            from = max(from, to)
            note(row)
        }
        for cause in causes {
            guard let range = cause.positions?.clamped(to: position..<(end + 1)), !range.isEmpty
            else { continue }
            if range.lowerBound > position {
                row(range.lowerBound, Self.goneCause, to: max(from, cause.from))
            }
            from = max(from, cause.from)
            row(range.upperBound, cause.cause, to: max(cause.to, from))
        }
        if position <= end { row(end + 1, Self.goneCause, to: published) }
        lastPublished[key] = max(from, lastPublished[key] ?? from)
    }

    /// Why records are missing of which nobody says more.
    private static let goneCause = "no longer in the log"

    private func isAbout(_ key: CursorTable.Key, _ entry: LedgerEntry) -> Bool {
        entry.kind == .missing && entry.epoch == key.epoch
    }

    /// Writes a row and takes it into account.
    func note(_ entry: LedgerEntry) {
        table.settle(entry)
        put(.ledger(entry))
    }
}

extension LedgerEntry {
    /// The row of what a log dropped.
    init(_ loss: RecordLoss, of instance: String) {
        self.init(
            instance: instance,
            feed: nil,
            from: loss.from,
            to: loss.to + .nanoseconds(1),
            count: loss.count,
            cause: loss.cause,
            epoch: loss.epoch,
            first: loss.first
        )
    }
}

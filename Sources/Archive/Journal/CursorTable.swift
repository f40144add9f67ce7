internal import ArchiveFormat
internal import Telemetry

/// How far an archive has come with every epoch that it knows.
struct CursorTable {
    struct Key: Hashable {
        let instance: String, epoch: Int64

        init(instance: String, epoch: Int64) {
            self.instance = instance
            self.epoch = epoch
        }

        init(_ cursor: Cursor) {
            self.init(instance: cursor.instance, epoch: cursor.epoch)
        }

        /// Of the epoch alone: it is an instant, which two instances seldom share, and a key is
        /// looked up for each batch of a journal.
        func hash(into hasher: inout Hasher) { hasher.combine(epoch) }
    }

    private(set) var entries: [Key: Cursor] = [:]

    init(_ cursors: [Cursor] = []) {
        for cursor in cursors { merge(cursor) }
    }

    subscript(instance: String, epoch: Int64) -> Cursor? {
        entries[Key(instance: instance, epoch: epoch)]
    }

    mutating func set(_ cursor: Cursor) {
        entries[Key(cursor)] = cursor
    }

    /// Takes over what is further than what is known.
    mutating func merge(_ cursor: Cursor) {
        // Looked up once: it is done for each batch of a journal.
        entries[Key(cursor), default: cursor].advance(to: cursor)
    }

    /// Takes a row of the ledger into account: what it names is not waited for any more.
    mutating func settle(_ entry: LedgerEntry) {
        guard let epoch = entry.epoch else { return }
        let key = Key(instance: entry.instance, epoch: epoch)
        var cursor = entries[key] ?? Cursor(before: key)
        if cursor.settle(entry) { set(cursor) }
    }

    /// Whether a row of the ledger counts where the archive has come so far: one that names other
    /// positions was not committed, and was written again.
    func covers(_ entry: LedgerEntry) -> Bool {
        guard let epoch = entry.epoch, let first = entry.first else { return true }
        let cursor = self[entry.instance, epoch]
        if let positions = entry.positions {
            return positions.upperBound - 1 <= cursor?.position ?? 0
        }
        return entry.kind != .missing || cursor?.isFinished == true
            || first <= cursor?.position ?? 0
    }

    /// The oldest epoch of an instance: what was before it, the archive never waited for.
    func oldestEpoch(of instance: String) -> Int64? {
        entries.keys.lazy.filter { $0.instance == instance }.map(\.epoch).min()
    }

    /// All of them, by instance and epoch.
    var cursors: [Cursor] {
        entries.values.sorted { ($0.instance, $0.epoch) < ($1.instance, $1.epoch) }
    }

    /// Forgets the oldest of the finished epochs beyond the limit.
    ///
    /// Only those that were finished in `earlier` already: what came since is compared with the
    /// opening of the next segment.
    mutating func prune(finishedIn earlier: CursorTable) {
        for (_, cursors) in Dictionary(grouping: entries.values, by: \.instance) {
            let finished = cursors.filter(\.isFinished).sorted { $0.epoch > $1.epoch }
            for cursor in finished.dropFirst(Limits.finishedEpochs) {
                let key = Key(cursor)
                if earlier.entries[key]?.isFinished == true { entries[key] = nil }
            }
        }
    }

    /// The epochs of an instance that are older than its newest and not known to have ended.
    func unfinishedEpochs(of instance: String) -> [Int64] {
        let epochs = entries.values.filter { $0.instance == instance }
        guard let newest = epochs.map(\.epoch).max() else { return [] }
        return epochs.filter { !$0.isFinished && $0.epoch < newest }.map(\.epoch).sorted()
    }
}

extension Cursor {
    /// Before the first record of an epoch.
    init(before key: CursorTable.Key) {
        self.init(instance: key.instance, epoch: key.epoch, position: 0, crc: 0)
    }

    /// Takes over what is further than it.
    mutating func advance(to cursor: Cursor) {
        let isFinished = isFinished || cursor.isFinished
        if cursor.position > position { self = cursor }
        self.isFinished = isFinished
    }

    /// Takes a row of the ledger about its epoch into account; false where that changes nothing.
    ///
    /// A row that names a position but no count is about all that follows: the epoch is over.
    mutating func settle(_ entry: LedgerEntry) -> Bool {
        guard entry.kind == .missing, let first = entry.first, first <= position + 1 else {
            return false
        }
        guard let positions = entry.positions else {
            isFinished = true
            return true
        }
        guard positions.upperBound - 1 > position else { return false }
        position = positions.upperBound - 1
        crc = 0
        return true
    }
}

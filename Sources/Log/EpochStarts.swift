internal import ArchiveFormat
internal import Telemetry

/// Which epochs began in a folder, and whether its disk knows the newest of them.
struct EpochStarts: Sendable {
    /// The newest of them, the current one last.
    private(set) var epochs: [Int64]
    /// What was before this epoch is not all known: a table could not be read when it began, or
    /// was damaged; 0 where there is no such doubt.
    var since: Int64
    /// The newest one of which the disk knows the number.
    var saved: Int64
    /// Whether the file `starts` has all of this.
    var areListed: Bool

    init(_ opening: LogOpening) {
        epochs = (opening.predecessors + [opening.epoch]).suffix(Limits.predecessors)
        since = opening.since
        saved = opening.isNumberSaved ? opening.epoch : 0
        areListed = opening.isNumberSaved
    }

    /// Another epoch begins.
    mutating func begin(_ epoch: Int64) {
        epochs = (epochs + [epoch]).suffix(Limits.predecessors)
        areListed = false
    }

    /// What was before `epoch` is not all known any more.
    mutating func doubt(before epoch: Int64) {
        guard epoch > since else { return }
        since = epoch
        areListed = false
    }

    /// Whether `epoch` may have begun here: it did, or is older than all that are known.
    func mayHave(_ epoch: Int64) -> Bool {
        epochs.contains(epoch) || epoch < since
            || epochs.count == Limits.predecessors && epoch < epochs.first ?? 0
    }

    /// The number of an epoch that begins `now`, behind the one called `last`.
    ///
    /// Where the clock is behind that, the number is the boot's own: a disk that was rolled back
    /// would give the one again that it gave in the life that it has forgotten. If there are more
    /// than are known, it lies beyond those as well.
    static func number(
        after last: Int64,
        now: Timestamp,
        bootID: String,
        isDoubtful: Bool = false
    ) -> Int64 {
        guard now.nanoseconds <= last else { return now.nanoseconds }
        let own = Array(bootID.utf8).withUnsafeBytes { crc32c($0) }
        return last + 1 + Int64(own) + (isDoubtful ? Limits.doubtfulEpochs : 0)
    }
}

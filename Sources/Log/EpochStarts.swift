/// Which epochs began in a folder, and whether its disk knows the newest of them.
struct EpochStarts: Sendable {
    /// The newest of them, the current one last.
    private(set) var epochs: [Int64]
    /// The newest one of which the disk knows the number.
    var saved: Int64
    /// Whether the file `starts` has all of ``epochs``.
    var areListed: Bool

    init(_ opening: LogOpening) {
        epochs = (opening.predecessors + [opening.epoch]).suffix(Limits.predecessors)
        saved = opening.isNumberSaved ? opening.epoch : 0
        areListed = opening.isNumberSaved
    }

    /// Another epoch begins.
    mutating func begin(_ epoch: Int64) {
        epochs = (epochs + [epoch]).suffix(Limits.predecessors)
        areListed = false
    }

    /// Whether `epoch` may have begun here: it did, or is older than all that are remembered.
    func mayHave(_ epoch: Int64) -> Bool {
        epochs.contains(epoch)
            || epochs.count == Limits.predecessors && epoch < epochs.first ?? 0
    }
}

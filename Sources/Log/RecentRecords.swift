/// The newest records that are written, as they stand in their file: who follows the log has them
/// without reading it.
struct RecentRecords {
    /// One or two that follow each other, of one epoch.
    private(set) var runs: [Run] = []

    /// Takes in what was written behind the others.
    mutating func add(_ run: Run) {
        guard run.bytes.count <= Limits.recent else { return clear() }
        guard let last = runs.indices.last, runs[last].epoch == run.epoch,
            runs[last].next == run.first
        else {
            runs = [run]
            return
        }
        if runs[last].bytes.count + run.bytes.count <= Limits.recent {
            runs[last].append(run)
        } else {
            runs = [runs[last], run]
        }
    }

    /// Forgets all of them: what is in the files may be something else.
    mutating func clear() { runs = [] }

    /// Whether a record is among them.
    func holds(_ position: Int64, of epoch: Int64) -> Bool {
        guard let first = runs.first, let last = runs.last else { return false }
        return first.epoch == epoch && (first.first..<last.next).contains(position)
    }
}

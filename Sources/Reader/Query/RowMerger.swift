internal import Telemetry

/// Puts timelines side by side into rows of one table, in order of time.
///
/// A row has the next sample of every timeline that has one at that time; the cells of the others
/// are empty. Two samples of one timeline with the same time make two rows.
struct RowMerger: Sendable {
    /// One row: its time, and for each timeline the row of it, nil where it has none.
    struct Row {
        var time: Timestamp
        var rows: [Int?]
    }

    private let times: [[Timestamp]]
    /// Which row of each timeline is next.
    private(set) var next: [Int]

    /// A merger of timelines with these times that begins with their rows `next`.
    init(_ times: [[Timestamp]], from next: [Int]? = nil) {
        self.times = times
        self.next = next ?? Array(repeating: 0, count: times.count)
    }

    /// The row that follows, nil after the last.
    mutating func nextRow() -> Row? {
        var earliest: Timestamp?
        for (index, times) in times.enumerated() where next[index] < times.count {
            let time = times[next[index]]
            earliest = min(earliest ?? time, time)
        }
        guard let earliest else { return nil }
        var rows: [Int?] = []
        for (index, times) in times.enumerated() {
            guard next[index] < times.count, times[next[index]] == earliest else {
                rows.append(nil)
                continue
            }
            rows.append(next[index])
            next[index] += 1
        }
        return Row(time: earliest, rows: rows)
    }

    /// Where pieces of `size` rows begin: what a merger has to begin `from`.
    static func starts(_ times: [[Timestamp]], size: Int) -> [[Int]] {
        var merger = RowMerger(times)
        var starts = [merger.next]
        var count = 0
        while merger.nextRow() != nil {
            count += 1
            if count % size == 0 { starts.append(merger.next) }
        }
        return starts
    }
}

extension TimelineAnswer {
    /// N.
    var count: Int { timestamps.count }
}

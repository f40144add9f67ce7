/// The texts of some rows, as runs of equal ones: a state seldom changes.
public struct TextRuns: Sendable {
    /// The text of each run, and its first row.
    private var runs: [(text: String, first: Int)] = []
    /// How many rows there are.
    public private(set) var count = 0

    /// No rows.
    public init() {}

    /// Those of a column.
    init(_ texts: [String]) {
        for text in texts {
            if runs.last?.text != text { begin(text, at: count) }
            count += 1
        }
    }

    /// The text of the last run.
    public var last: String? { runs.last?.text }

    /// Begins a run at the row `row`, to which the one before it reaches.
    public mutating func begin(_ text: String, at row: Int) {
        extend(to: row)
        runs.append((text, row))
    }

    /// Lets the last run reach to the row `row`, without it.
    public mutating func extend(to row: Int) {
        precondition(row >= count, "rows are never taken back")
        count = row
    }

    /// Calls `body` with the text of each run, and with those of `rows` that it has.
    func forEachRun(in rows: Range<Int>, _ body: (String, Range<Int>) -> Void) {
        for number in runs.indices {
            let end = number + 1 < runs.count ? runs[number + 1].first : count
            let own = (runs[number].first..<end).clamped(to: rows)
            if !own.isEmpty { body(runs[number].text, own) }
        }
    }

    /// The text of each row.
    public var texts: [String] {
        var texts: [String] = []
        texts.reserveCapacity(count)
        forEachRun(in: 0..<count) { text, rows in
            for _ in rows { texts.append(text) }
        }
        return texts
    }

    /// The bytes of all texts.
    var byteCount: Int {
        var sum = 0
        forEachRun(in: 0..<count) { sum += $0.utf8.count * $1.count }
        return sum
    }
}

internal import ArchiveFormat
internal import Telemetry

/// Rows of one place that an answer needs, in the order of time.
struct SlicePiece: Sendable {
    /// The values of one field, with the declaration that they follow.
    struct Values: Sendable {
        enum Content: Sendable {
            case column(Column)
            case encoded(EncodedColumn)
        }

        let field: Field, content: Content

        init(field: Field, column: Column) {
            self.field = field
            content = .column(column)
        }

        init(field: Field, encoded: EncodedColumn) {
            self.field = field
            content = .encoded(encoded)
        }

        /// The values; nil where they cannot be read.
        func column() throws(ArchiveError) -> Column? {
            switch content {
            case .column(let column): column
            case .encoded(let encoded): try encoded.column()
            }
        }
    }

    let feed: Feed
    /// In non-decreasing order, equal ones in order of arrival; none while they are encoded.
    let times: [Int64]
    /// The times where they are still encoded.
    let encodedTimes: EncodedColumn?
    /// Those that are asked for; of the columns too.
    let rows: Range<Int>
    /// The first and the last time of them.
    let first: Int64, last: Int64
    /// For each field of the question its values; nil if it was not declared.
    var columns: [Values?]

    /// The rows of sorted `times` in `range`; nil if there are none.
    init?(_ feed: Feed, times: [Int64], range: Range<Timestamp>, columns: [Values?] = []) {
        rows = rowsOf(range, in: times)
        guard !rows.isEmpty else { return nil }
        self.feed = feed
        self.times = times
        encodedTimes = nil
        (first, last) = (times[rows.lowerBound], times[rows.upperBound - 1])
        self.columns = columns
    }

    /// All rows of a group or a chunk, which has some, from `first` to `last`.
    init(
        _ feed: Feed,
        encoded times: EncodedColumn,
        from first: Timestamp,
        to last: Timestamp,
        columns: [Values?]
    ) {
        self.feed = feed
        self.times = []
        encodedTimes = times
        rows = 0..<times.rows
        (self.first, self.last) = (first.nanoseconds, last.nanoseconds)
        self.columns = columns
    }

    /// Those of its rows that are in `range`, with their times read; nil if there are none, or if
    /// the times cannot be read.
    func read(_ range: Range<Timestamp> = .allOfTime) throws(ArchiveError) -> SlicePiece? {
        guard let times = try encodedTimes?.column()?.integers else {
            return encodedTimes == nil ? self : nil
        }
        return SlicePiece(feed, times: times, range: range, columns: columns)
    }

    /// The time of a row that is asked for; of pieces whose times are encoded, of the ends only.
    func time(of row: Int) -> Int64 {
        if row == rows.lowerBound { return first }
        return row == rows.upperBound - 1 ? last : times[row]
    }
}

extension SlicePiece {
    /// Which of some pieces have rows between those of another one.
    static func overlapping(_ pieces: [SlicePiece]) -> Set<Int> {
        var overlapping: Set<Int> = []
        // The one of those that have begun that ends last.
        var longest: Int?
        for number in inOrder(pieces) {
            guard let before = longest else {
                longest = number
                continue
            }
            if (pieces[before].last, before) > (pieces[number].first, number) {
                overlapping.formUnion([before, number])
            }
            if (pieces[before].last, before) < (pieces[number].last, number) { longest = number }
        }
        return overlapping
    }

    private static func inOrder(_ pieces: [SlicePiece]) -> [Int] {
        pieces.indices.sorted { (pieces[$0].first, $0) < (pieces[$1].first, $1) }
    }
}

extension SlicePiece {
    /// Consecutive rows of one piece that stand side by side in the answer.
    struct Run: Hashable, Sendable {
        let piece: Int
        let rows: Range<Int>
    }

    /// The first `limit` rows of all pieces in the order of time, equal times in that of pieces.
    ///
    /// Pieces that do not overlap are one run each. Of those that do, each run is as long as no
    /// other piece has an earlier row.
    static func runs(of pieces: [SlicePiece], limit: Int) -> [Run] {
        var waiting = inOrder(pieces)[...]
        // The pieces that have begun, and the row of each that is next.
        var begun: [(piece: Int, row: Int)] = []
        var runs: [Run] = []
        var left = limit
        func head(_ place: Int) -> (Int64, Int) {
            (pieces[begun[place].piece].time(of: begun[place].row), begun[place].piece)
        }
        while left > 0 {
            let next = begun.indices.min { head($0) < head($1) }
            if let piece = waiting.first,
                next.map({ (pieces[piece].first, piece) < head($0) }) ?? true
            {
                waiting.removeFirst()
                begun.append((piece, pieces[piece].rows.lowerBound))
                continue
            }
            guard let next else { break }
            var bound = waiting.first.map { (pieces[$0].first, $0) }
            for place in begun.indices where place != next {
                bound = bound.map { $0 < head(place) ? $0 : head(place) } ?? head(place)
            }
            let (number, row) = begun[next]
            let count = min(left, pieces[number].end(of: row, before: bound, number) - row)
            let end = row + count
            runs.append(Run(piece: number, rows: row..<end))
            left -= count
            if end < pieces[number].rows.upperBound {
                begun[next].row = end
            } else {
                begun.remove(at: next)
            }
        }
        return runs
    }

    /// The first row from `row` on that is not before the row of another piece.
    private func end(of row: Int, before bound: (time: Int64, piece: Int)?, _ number: Int) -> Int {
        guard let bound else { return rows.upperBound }
        func isBefore(_ row: Int) -> Bool { (time(of: row), number) < (bound.time, bound.piece) }
        if isBefore(rows.upperBound - 1) { return rows.upperBound }
        // In steps that double, since it is mostly near.
        var (low, step) = (row, 1)
        while low + step < rows.upperBound, isBefore(low + step) {
            low += step
            step *= 2
        }
        var high = min(low + step, rows.upperBound)
        while high - low > 1 {
            let middle = (low + high) / 2
            if isBefore(middle) { low = middle } else { high = middle }
        }
        return low + 1
    }
}

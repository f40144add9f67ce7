internal import ArchiveFormat
internal import Telemetry

/// Rows of one place that an answer needs, in the order of time.
struct SlicePiece: Sendable {
    /// The column of one field, with the declaration that its values follow.
    struct Values: Sendable {
        let field: Field, column: Column
    }

    let feed: Feed
    /// In non-decreasing order, equal ones in order of arrival.
    let times: [Int64]
    /// Those that are asked for; of the columns too.
    let rows: Range<Int>
    /// For each field of the question its values; nil if it was not declared.
    var columns: [Values?]

    /// The rows of sorted `times` in `range`; nil if there are none.
    init?(_ feed: Feed, times: [Int64], range: Range<Timestamp>, columns: [Values?] = []) {
        rows = rowsOf(range, in: times)
        guard !rows.isEmpty else { return nil }
        self.feed = feed
        self.times = times
        self.columns = columns
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
        var waiting = pieces.indices.sorted {
            (pieces[$0].firstTime, $0) < (pieces[$1].firstTime, $1)
        }[...]
        // The pieces that have begun, and the row of each that is next.
        var begun: [(piece: Int, row: Int)] = []
        var runs: [Run] = []
        var left = limit
        func head(_ place: Int) -> (Int64, Int) {
            (pieces[begun[place].piece].times[begun[place].row], begun[place].piece)
        }
        while left > 0 {
            let next = begun.indices.min { head($0) < head($1) }
            if let piece = waiting.first,
                next.map({ (pieces[piece].firstTime, piece) < head($0) }) ?? true
            {
                waiting.removeFirst()
                begun.append((piece, pieces[piece].rows.lowerBound))
                continue
            }
            guard let next else { break }
            var bound = waiting.first.map { (pieces[$0].firstTime, $0) }
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

    private var firstTime: Int64 { times[rows.lowerBound] }

    /// The first row from `row` on that is not before the row of another piece.
    private func end(of row: Int, before bound: (time: Int64, piece: Int)?, _ number: Int) -> Int {
        guard let bound else { return rows.upperBound }
        func isBefore(_ row: Int) -> Bool { (times[row], number) < (bound.time, bound.piece) }
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

extension TimelineSlice {
    /// All pieces, which stand in order of arrival, as one timeline of `fields` fields.
    init(_ pieces: [SlicePiece], fields: Int, limit: Int, revision: Int64) {
        let runs = SlicePiece.runs(of: pieces, limit: max(0, limit))
        let count = runs.reduce(0) { $0 + $1.rows.count }
        self.init(
            timestamps: Self.timestamps(runs, of: pieces, count: count),
            columns: [],
            fields: [],
            leftOut: pieces.reduce(0) { $0 + $1.rows.count } - count,
            revision: revision
        )
        for index in 0..<fields {
            let field = Field(inForceOf: pieces.compactMap { $0.columns[index]?.field })
            self.fields.append(field)
            for piece in pieces {
                guard let field, let values = piece.columns[index],
                    !values.field.stands(with: field)
                else { continue }
                keepApart(values, piece)
            }
            columns.append(Self.column(index, field, runs, of: pieces, count: count))
        }
    }

    private static func timestamps(
        _ runs: [SlicePiece.Run],
        of pieces: [SlicePiece],
        count: Int
    ) -> [Timestamp] {
        [Timestamp](unsafeUninitializedCapacity: count) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            for run in runs {
                pieces[run.piece].times[run.rows].withUnsafeBytes { times in
                    UnsafeMutableRawBufferPointer(rebasing: bytes[(8 * initialized)...])
                        .copyMemory(from: times)
                }
                initialized += run.rows.count
            }
        }
    }

    private static func column(
        _ index: Int,
        _ field: Field?,
        _ runs: [SlicePiece.Run],
        of pieces: [SlicePiece],
        count: Int
    ) -> Column {
        let type = field?.type ?? .double
        if runs.count == 1, let values = pieces[runs[0].piece].columns[index],
            values.column.count == count, values.field.type == type,
            field.map(values.field.stands) == true
        {
            return values.column
        }
        var builder = ColumnBuilder(type)
        builder.reserveCapacity(count)
        for run in runs {
            if let field, let values = pieces[run.piece].columns[index],
                values.field.stands(with: field)
            {
                builder.append(values.column, rows: run.rows)
            } else {
                builder.appendMissing(run.rows.count)
            }
        }
        return builder.column
    }

    /// Counts values among those that the columns do not have.
    private mutating func keepApart(_ values: SlicePiece.Values, _ piece: SlicePiece) {
        let present = piece.rows.filter { values.column.isPresent($0) }
        guard let first = present.first, let last = present.last else { return }
        let start = Timestamp(nanoseconds: piece.times[first])
        let end = Timestamp(nanoseconds: piece.times[last])
        guard let index = apart.firstIndex(where: { $0.field == values.field }) else {
            apart.append(
                KeptApart(field: values.field, first: start, last: end, count: present.count)
            )
            return
        }
        apart[index].first = min(apart[index].first, start)
        apart[index].last = max(apart[index].last, end)
        apart[index].count += present.count
    }
}

extension Field {
    /// The newest of some declarations, as a double if any was and none is anything but a number.
    init?(inForceOf fields: [Field]) {
        guard let newest = fields.last else { return nil }
        guard newest.type == .int,
            fields.contains(where: { $0.type == .double && $0.unit == newest.unit })
        else {
            self = newest
            return
        }
        self.init(
            newest.name,
            .double,
            unit: newest.unit,
            description: newest.description,
            limits: newest.limits
        )
    }

    /// Whether values declared so stand in one column with those of `other`.
    func stands(with other: Field) -> Bool {
        unit == other.unit && (type == other.type || type == .int && other.type == .double)
    }
}

internal import ArchiveFormat
public import Telemetry

extension TimelineSlice {
    /// The rows of one timeline from several archives, of which the first that has any at a time
    /// answers for that time.
    ///
    /// A row of a later archive counts where none of the earlier ones has a row within `seam` of
    /// it: two archives that kept one stream do not double it, and one fills the holes of another.
    ///
    /// - Parameters:
    ///   - slices: one for each archive, with the same fields, the first first.
    ///   - near: for each archive the times of rows within `seam` before and after the range.
    ///   - fields: what the columns are; values of other types and units are kept apart.
    ///   - seam: at least 0.
    ///   - limit: the most rows: the earliest are given, and the others counted.
    /// - Returns: the rows in the order of time.
    public static func joined(
        _ slices: [TimelineSlice],
        near: [[Timestamp]],
        as fields: [Field?],
        seam: Duration,
        limit: Int
    ) -> TimelineSlice {
        // What an archive has left out nobody knows, so behind that nothing counts.
        let horizon = slices.filter { $0.leftOut > 0 }.map { $0.timestamps.last }
        var taken: [Timestamp] = []
        var rows: [(time: Timestamp, slice: Int, row: Int)] = []
        var leftOut = slices.reduce(0) { $0 + $1.leftOut }
        for (number, slice) in slices.enumerated() {
            let kept = slice.rows(apartFrom: taken, by: seam)
            taken = (taken + near[number] + slice.timestamps).sorted()
            rows += kept.map { (slice.timestamps[$0], number, $0) }
        }
        let all = rows.count
        rows = rows.filter { row in horizon.allSatisfy { $0.map { row.time <= $0 } ?? false } }
        rows.sort { ($0.time, $0.slice, $0.row) < ($1.time, $1.slice, $1.row) }
        rows = Array(rows.prefix(max(0, limit)))
        leftOut += all - rows.count
        var joined = TimelineSlice(
            timestamps: rows.map(\.time),
            columns: [],
            fields: fields,
            leftOut: leftOut,
            revision: slices.reduce(0) { $0 + $1.revision },
            apart: slices.flatMap(\.apart)
        )
        for (index, field) in fields.enumerated() {
            let places = Dictionary(grouping: rows.indices) { rows[$0].slice }
            var column = ColumnBuilder(field?.type ?? .double)
            var order: [Int] = []
            for (number, slice) in slices.enumerated() {
                let mine = places[number] ?? []
                let part = slice.columns[index].rows(mine.map { rows[$0].row })
                column.append(part, rows: 0..<part.count)
                order += mine
                guard let field, let declared = slice.fields[index],
                    declared.type != field.type,
                    !(declared.type == .int && field.type == .double), let first = mine.first,
                    let last = mine.last
                else { continue }
                joined.apart.append(
                    KeptApart(
                        field: declared,
                        first: rows[first].time,
                        last: rows[last].time,
                        count: mine.count
                    )
                )
            }
            var back = [Int](repeating: 0, count: order.count)
            for (place, row) in order.enumerated() { back[row] = place }
            joined.columns.append(column.column.rows(back))
        }
        return joined
    }

    /// The rows that are further than `seam` from all of `taken`, which are in order.
    private func rows(apartFrom taken: [Timestamp], by seam: Duration) -> [Int] {
        guard !taken.isEmpty else { return Array(timestamps.indices) }
        var next = 0
        return timestamps.indices.filter { row in
            let time = timestamps[row]
            while next < taken.count, taken[next] < time - seam { next += 1 }
            return next == taken.count || taken[next] > time + seam
        }
    }
}

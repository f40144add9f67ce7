internal import Telemetry

/// Columns of several timelines side by side, a row for each time.
///
/// What an answer over HTTP and a piece of an export have in common, whatever their form.
struct SampleTable: Sendable {
    /// A column: the timeline that its rows are those of, what it is called, and its values.
    struct Column: Sendable {
        let timeline: Int
        let name: String
        let unit: Unit?
        let column: Telemetry.Column
    }

    /// For each timeline its times, and the ends where they are those of buckets.
    let times: [[Timestamp]], ends: [[Timestamp]?]
    let columns: [Column]

    /// Whether the rows are buckets.
    var hasBuckets: Bool { ends.contains { $0 != nil } }

    /// The end of a row's bucket, nil in a table of samples.
    func end(of row: RowMerger.Row) -> Timestamp? {
        for (timeline, index) in row.rows.enumerated() {
            if let index, let ends = ends[timeline] { return ends[index] }
        }
        return nil
    }

    /// A merger of all rows, or of those from a place of ``RowMerger/starts(_:size:)`` on.
    func merger(from start: [Int]? = nil) -> RowMerger { RowMerger(times, from: start) }

    /// Rows of a piece that one call encodes.
    var rowsPerPiece: Int { max(1, ReaderLimits.valuesPerPiece / (columns.count + 1)) }

    /// What `write` makes of the rows, in pieces of bounded size.
    func pieces(
        _ write: @escaping @Sendable (inout JSONWriter, RowMerger.Row) -> Void
    ) -> [TextAnswer.Piece] {
        let size = rowsPerPiece
        return RowMerger.starts(times, size: size).map { start in
            { writer in
                var merger = merger(from: start)
                var count = 0
                while count < size, let row = merger.nextRow() {
                    write(&writer, row)
                    count += 1
                }
            }
        }
    }
}

extension DataAnswer {
    /// The columns of the answer: a field's name, for buckets `field:statistic`.
    var table: SampleTable {
        var columns: [SampleTable.Column] = []
        for (index, timeline) in timelines.enumerated() {
            for field in timeline.fields {
                switch field.content {
                case .samples(let column):
                    columns.append(
                        SampleTable.Column(
                            timeline: index,
                            name: field.name,
                            unit: field.unit,
                            column: column
                        )
                    )
                case .buckets(let buckets):
                    columns += buckets.columns.map { statistic in
                        SampleTable.Column(
                            timeline: index,
                            name: "\(field.name):\(statistic.name)",
                            unit: statistic.name == "count" ? nil : field.unit,
                            column: statistic.column
                        )
                    }
                }
            }
        }
        return SampleTable(
            times: timelines.map(\.timestamps),
            ends: timelines.map(\.ends),
            columns: columns
        )
    }
}

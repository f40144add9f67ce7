internal import Telemetry

/// A column of a table: where its values come from and what it is called.
private struct TableColumn: Sendable {
    let timeline: Int
    let name: String
    let column: Column
}

extension DataAnswer {
    /// The columns of a table of the answer: a field's name, for buckets `field:statistic`.
    private var tableColumns: [TableColumn] {
        var columns: [TableColumn] = []
        for (index, timeline) in timelines.enumerated() {
            for field in timeline.fields {
                switch field.content {
                case .samples(let column):
                    columns.append(
                        TableColumn(timeline: index, name: field.name, column: column)
                    )
                case .buckets(let buckets):
                    columns += buckets.columns.map { statistic in
                        TableColumn(
                            timeline: index,
                            name: "\(field.name):\(statistic.name)",
                            column: statistic.column
                        )
                    }
                }
            }
        }
        return columns
    }

    private var hasBuckets: Bool { timelines.contains { $0.ends != nil } }

    /// The end of a row's bucket, nil in a table of samples.
    private func end(of row: RowMerger.Row) -> Timestamp? {
        for (timeline, index) in zip(timelines, row.rows) {
            if let index, let ends = timeline.ends { return ends[index] }
        }
        return nil
    }

    /// A header, then a row for each time, with one cell a field.
    ///
    /// Rows begin with `time`, those of buckets with `start,end`. A missing value is an empty cell,
    /// an empty text is `""`. RFC 4180, except that lines end with a line feed alone, and that
    /// where something is missing or doubtful, lines that begin with `#` say so behind the rows.
    func csvPieces(_ times: TimeForm) -> [TextAnswer.Piece] {
        let columns = tableColumns
        let header: TextAnswer.Piece = { writer in
            hasBuckets ? writer.raw("start,end") : writer.raw("time")
            for column in columns {
                writer.raw(",")
                writer.raw(column.name)
            }
            writer.raw("\n")
        }
        return [header]
            + rowPieces(columns) { writer, row in
                writer.writeCell(row.time, times)
                if let end = end(of: row) {
                    writer.raw(",")
                    writer.writeCell(end, times)
                }
                for column in columns {
                    writer.raw(",")
                    guard let index = row.rows[column.timeline], column.column.isPresent(index)
                    else { continue }
                    writer.writeCell(column.column, index)
                }
                writer.raw("\n")
            }
            + [{ writeRemarks(to: &$0) }]
    }

    /// What does not fit the cells: the ledger and the notes, as lines that begin with `#`.
    private func writeRemarks(to writer: inout JSONWriter) {
        for line in (gaps + marks).map(\.sentence) + notes {
            writer.raw("# ")
            writer.raw(String(line.map { $0.isNewline ? " " : $0 }))
            writer.raw("\n")
        }
    }

    /// A line for each time, `{"t": …, field: value, …}`, with the fields that have one.
    ///
    /// The last line is `{"rows": n, "timeline": …, "gaps": …, "tier": …}`: an answer without it
    /// was cut.
    func ndjsonPieces(_ times: TimeForm) -> [TextAnswer.Piece] {
        let columns = tableColumns
        var pieces = rowPieces(columns) { writer, row in
            writer.raw("{\"t\":")
            writer.write(row.time, times)
            if let end = end(of: row) {
                writer.raw(",\"end\":")
                writer.write(end, times)
            }
            for column in columns {
                guard let index = row.rows[column.timeline], column.column.isPresent(index) else {
                    continue
                }
                writer.raw(",")
                writer.key(column.name)
                writer.writeLineValue(column.column, index)
            }
            writer.raw("}\n")
        }
        pieces.append { writer in
            var merger = RowMerger(timelines)
            var count: Int64 = 0
            while merger.nextRow() != nil { count += 1 }
            writer.raw("{\"rows\":")
            writer.write(count)
            writer.raw(",")
            writer.key("timeline")
            writer.object(timelines) { writer, timeline in
                writer.key(timeline.name)
                writer.raw("{")
                timeline.writeMembers(to: &writer, times)
                writer.raw("}")
            }
            writer.raw(",")
            writeTail(to: &writer, times)
            writer.raw("}\n")
        }
        return pieces
    }

    private func rowPieces(
        _ columns: [TableColumn],
        _ write: @escaping @Sendable (inout JSONWriter, RowMerger.Row) -> Void
    ) -> [TextAnswer.Piece] {
        let size = max(1, ReaderLimits.valuesPerPiece / (columns.count + 1))
        return RowMerger.starts(timelines, size: size).map { start in
            { writer in
                var merger = RowMerger(timelines, from: start)
                var count = 0
                while count < size, let row = merger.nextRow() {
                    write(&writer, row)
                    count += 1
                }
            }
        }
    }
}

extension JSONWriter {
    /// Writes a time as a cell of CSV, where no form needs quotes.
    fileprivate mutating func writeCell(_ instant: Timestamp, _ times: TimeForm) {
        switch times {
        case .s: seconds(instant.nanoseconds)
        case .ns: write(instant.nanoseconds)
        case .iso: raw(instant.description)
        }
    }

    /// Writes one value as a cell of CSV; texts are always quoted, so that an empty one is seen.
    fileprivate mutating func writeCell(_ column: Column, _ row: Int) {
        switch column.values {
        case .doubles(let values) where values[row].isNaN: raw("NaN")
        case .doubles(let values) where values[row].isInfinite:
            values[row] > 0 ? raw("Infinity") : raw("-Infinity")
        case .strings(let values):
            raw("\"")
            for byte in values[row].utf8 {
                if byte == UInt8(ascii: "\"") { raw(byte) }
                raw(byte)
            }
            raw("\"")
        default: write(column, rows: row..<row + 1)
        }
    }

    /// Writes one value of a line of NDJSON; one that is not finite as a text.
    fileprivate mutating func writeLineValue(_ column: Column, _ row: Int) {
        if case .doubles(let values) = column.values, !values[row].isFinite {
            writeName(ofNonfinite: values[row])
        } else {
            write(column, rows: row..<row + 1)
        }
    }
}

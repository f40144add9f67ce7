internal import ArrowFormat
internal import Telemetry

extension SampleTable {
    /// The fields of an Arrow stream of the table: `time`, of buckets also `end`, and the columns.
    ///
    /// `describe` gives what people should know about a column beside its unit.
    func arrowFields(_ describe: (Column) -> String = { _ in "" }) -> [ArrowField] {
        var fields = [ArrowField("time", .instants)]
        if hasBuckets { fields.append(ArrowField("end", .instants)) }
        return fields
            + columns.map { column in
                var metadata: [(key: String, value: String)] = []
                if let unit = column.unit { metadata.append(("unit", unit.rawValue)) }
                let description = describe(column)
                if !description.isEmpty { metadata.append(("description", description)) }
                return ArrowField(column.name, .values(column.column.type), metadata: metadata)
            }
    }

    /// A message with some rows: at most `count` from a place of ``RowMerger`` on.
    func arrowBatch(from start: [Int]?, count: Int) -> [UInt8] {
        var merger = merger(from: start)
        var rows: [[Int?]] = []
        var instants: [Int64] = []
        var lasts: [Int64] = []
        while rows.count < count, let row = merger.nextRow() {
            rows.append(row.rows)
            instants.append(row.time.nanoseconds)
            if let end = end(of: row) { lasts.append(end.nanoseconds) }
        }
        var all: [ArrowColumn] = [.instants(instants)]
        if hasBuckets { all.append(.instants(lasts)) }
        for column in columns {
            all.append(.values(column.column.picked(rows.map { $0[column.timeline] })))
        }
        return ArrowStream.batch(all, rows: rows.count)
    }
}

extension Column {
    /// The rows `rows`; where it is nil, the value is missing.
    func picked(_ rows: [Int?]) -> Column {
        let presence = rows.map { row in row.map(isPresent) ?? false }
        let values: Values =
            switch values {
            case .doubles(let values): .doubles(rows.map { row in row.map { values[$0] } ?? 0 })
            case .ints(let values): .ints(rows.map { row in row.map { values[$0] } ?? 0 })
            case .bools(let values): .bools(rows.map { row in row.map { values[$0] } ?? false })
            case .strings(let values): .strings(rows.map { row in row.map { values[$0] } ?? "" })
            }
        return Column(values, presence: presence.allSatisfy(\.self) ? nil : presence)
    }
}

extension DataAnswer {
    /// An Arrow stream: what the cells do not have, gaps first of all, is metadata of its schema.
    var arrowPieces: [TextAnswer.Piece] {
        let table = table
        let size = table.rowsPerPiece
        let begin: TextAnswer.Piece = { writer in
            var tail = JSONWriter()
            tail.raw("{")
            writeTail(to: &tail, .ns)
            tail.raw("}")
            writer.raw(
                ArrowStream.schema(
                    table.arrowFields(),
                    metadata: [("cerro", String(decoding: tail.bytes, as: UTF8.self))]
                )
            )
        }
        let batches = RowMerger.starts(table.times, size: size).map { start -> TextAnswer.Piece in
            { $0.raw(table.arrowBatch(from: start, count: size)) }
        }
        return [begin] + batches + [{ $0.raw(ArrowStream.end) }]
    }
}

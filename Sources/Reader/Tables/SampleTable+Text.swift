internal import Telemetry

extension SampleTable {
    /// Writes a row of CSV: one cell a column, none where a value is missing.
    func writeCSV(_ row: RowMerger.Row, _ times: TimeForm, to writer: inout JSONWriter) {
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

    /// Writes a line of NDJSON: `{"t": …, field: value, …}`, with the fields that have one.
    func writeNDJSON(_ row: RowMerger.Row, _ times: TimeForm, to writer: inout JSONWriter) {
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
}

extension JSONWriter {
    /// Writes what does not fit the cells of CSV: a line that begins with `#`.
    mutating func writeRemark(_ line: String) {
        raw("# ")
        raw(String(line.map { $0.isNewline ? " " : $0 }))
        raw("\n")
    }

    /// Writes the heading of a column of CSV: its name, and its unit in brackets.
    mutating func writeHeading(_ name: String, _ unit: Unit?) {
        let heading = name + (unit.map { " [\($0.rawValue)]" } ?? "")
        let isPlain = heading.utf8.allSatisfy { !"\",\n\r".utf8.contains($0) }
        isPlain ? raw(heading) : writeQuoted(heading)
    }

    /// Writes a time as a cell of CSV, where no form needs quotes.
    mutating func writeCell(_ instant: Timestamp, _ times: TimeForm) {
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
        case .strings(let values): writeQuoted(values[row])
        default: write(column, rows: row..<row + 1)
        }
    }

    /// Writes a text in quotes, as RFC 4180 has them.
    fileprivate mutating func writeQuoted(_ text: String) {
        raw("\"")
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { raw(byte) }
            raw(byte)
        }
        raw("\"")
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

internal import ArrowFormat
internal import Telemetry

/// The forms in which an archive is given to other programs.
public enum ExportFormat: String, Sendable, CaseIterable {
    /// A heading with units, a line for each time.
    case csv
    /// A JSON document for each time, and a last one that says that nothing was cut.
    case ndjson
    /// The streaming format of Apache Arrow.
    case arrow

    /// What writes it.
    func encoder(_ times: TimeForm) -> any ExportEncoder {
        switch self {
        case .csv: CSVExport(times: times)
        case .ndjson: NDJSONExport(times: times)
        case .arrow: ArrowExport()
        }
    }
}

/// A column of an export: a field as the newest declaration in the range has it.
struct ExportColumn: Sendable {
    let name: FieldName
    let field: Field
}

/// What an export says before the first row.
struct ExportHead: Sendable {
    let columns: [ExportColumn]
    /// About the whole: site, range.
    let about: [String: Value]
    /// What the ledger has before anything was read.
    let ledger: LedgerAnswer
}

/// Turns the pieces of an export into bytes, one after the other.
protocol ExportEncoder: Sendable {
    /// What stands before the first row.
    func begin(_ head: ExportHead) -> [UInt8]
    /// Gives `emit` the rows of a table, whose columns are always the same.
    func encode(_ table: SampleTable, _ emit: ([UInt8]) throws -> Void) throws
    /// What stands behind the last row.
    func end(_ head: ExportHead, _ summary: ExportSummary) -> [UInt8]
}

/// What an export held, and what it did not.
public struct ExportSummary: Sendable {
    /// Rows of the answer: one for each time.
    public var rows: Int64 = 0
    /// What is missing in the range, and where a clock was off.
    public var ledger = LedgerAnswer([])
    /// What a person should know: values that were declared otherwise.
    public var notes: [String] = []

    /// All of that, a sentence each.
    public var sentences: [String] { ledger.rows.map(\.sentence) + ledger.notes + notes }
}

private struct CSVExport: ExportEncoder {
    let times: TimeForm

    func begin(_ head: ExportHead) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("time")
        for column in head.columns {
            writer.raw(",")
            writer.writeHeading(column.name.description, column.field.unit)
        }
        writer.raw("\n")
        return writer.bytes
    }

    func encode(_ table: SampleTable, _ emit: ([UInt8]) throws -> Void) throws {
        for piece in table.pieces({ table.writeCSV($1, times, to: &$0) }) {
            var writer = JSONWriter()
            piece(&writer)
            try emit(writer.bytes)
        }
    }

    func end(_ head: ExportHead, _ summary: ExportSummary) -> [UInt8] {
        var writer = JSONWriter()
        for sentence in summary.sentences { writer.writeRemark(sentence) }
        return writer.bytes
    }
}

private struct NDJSONExport: ExportEncoder {
    let times: TimeForm

    func begin(_ head: ExportHead) -> [UInt8] { [] }

    func encode(_ table: SampleTable, _ emit: ([UInt8]) throws -> Void) throws {
        for piece in table.pieces({ table.writeNDJSON($1, times, to: &$0) }) {
            var writer = JSONWriter()
            piece(&writer)
            try emit(writer.bytes)
        }
    }

    func end(_ head: ExportHead, _ summary: ExportSummary) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{\"rows\":")
        writer.write(summary.rows)
        writer.raw(",\"fields\":")
        writer.object(head.columns) { writer, column in
            writer.key(column.name.description)
            writer.write([
                "type": .string(column.field.type.rawValue),
                "unit": .optional(column.field.unit?.rawValue),
                "description": .string(column.field.description),
            ])
        }
        writer.raw(",")
        writer.writeLedger(summary, times)
        writer.raw("}\n")
        return writer.bytes
    }
}

private struct ArrowExport: ExportEncoder {
    func begin(_ head: ExportHead) -> [UInt8] {
        let fields = head.columns.map { column in
            var metadata: [(key: String, value: String)] = []
            if let unit = column.field.unit { metadata.append(("unit", unit.rawValue)) }
            if !column.field.description.isEmpty {
                metadata.append(("description", column.field.description))
            }
            return ArrowField(
                column.name.description,
                .values(column.field.type),
                metadata: metadata
            )
        }
        let summary = ExportSummary(ledger: head.ledger)
        return ArrowStream.schema(
            [ArrowField("time", .instants)] + fields,
            metadata: [("cerro", document(head, summary, isEnd: false))]
        )
    }

    func encode(_ table: SampleTable, _ emit: ([UInt8]) throws -> Void) throws {
        let size = table.rowsPerPiece
        for start in RowMerger.starts(table.times, size: size) {
            try emit(table.arrowBatch(from: start, count: size))
        }
    }

    /// A batch without rows: what is known only now is its metadata.
    func end(_ head: ExportHead, _ summary: ExportSummary) -> [UInt8] {
        let columns = head.columns.map {
            ArrowColumn.values(Column(missing: $0.field.type, count: 0))
        }
        return ArrowStream.batch(
            [.instants([])] + columns,
            rows: 0,
            metadata: [("cerro", document(head, summary, isEnd: true))]
        ) + ArrowStream.end
    }

    private func document(_ head: ExportHead, _ summary: ExportSummary, isEnd: Bool) -> String {
        var writer = JSONWriter()
        writer.raw("{")
        for (key, value) in head.about.sorted(by: { $0.key < $1.key }) {
            writer.key(key)
            writer.write(value)
            writer.raw(",")
        }
        if isEnd {
            writer.raw("\"rows\":")
            writer.write(summary.rows)
            writer.raw(",")
        }
        writer.writeLedger(summary, .ns)
        writer.raw("}")
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension JSONWriter {
    /// `"gaps": […], "marks": […], "notes": […]`.
    fileprivate mutating func writeLedger(_ summary: ExportSummary, _ times: TimeForm) {
        key("gaps")
        list(summary.ledger.gaps) { $0.write($1, times) }
        raw(",")
        key("marks")
        list(summary.ledger.marks) { $0.write($1, times) }
        raw(",")
        key("notes")
        list(summary.ledger.notes + summary.notes) { $0.write($1) }
    }
}

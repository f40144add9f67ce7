internal import Archive
internal import Telemetry

extension DataAnswer {
    /// `{"data": …, "timeline": …, "nonfinite": …, "gaps": …, "tier": …, "notes": …}`.
    func jsonPieces(_ times: TimeForm) -> [TextAnswer.Piece] {
        var pieces: [TextAnswer.Piece] = [{ $0.raw("{\"data\":{") }]
        var answers: [String: FieldAnswer.Content] = [:]
        for timeline in timelines {
            for field in timeline.fields { answers[field.name] = field.content }
        }
        for (index, name) in fields.enumerated() {
            pieces.append { writer in
                if index > 0 { writer.raw(",") }
                writer.key(name)
            }
            pieces += Self.pieces(of: answers[name])
        }
        pieces.append { $0.raw("},\"timeline\":{") }
        for (index, timeline) in timelines.enumerated() {
            pieces += Self.pieces(of: timeline, times, isFirst: index == 0)
        }
        pieces.append { writer in
            writer.raw("},")
            writeNonfinite(to: &writer)
            writer.raw(",")
            writeTail(to: &writer, times)
            writer.raw("}\n")
        }
        return pieces
    }

    /// The values of one field, or its statistics.
    private static func pieces(of content: FieldAnswer.Content?) -> [TextAnswer.Piece] {
        switch content {
        case nil:
            return [{ $0.raw("[]") }]
        case .samples(let column):
            return listPieces(column.count) { $0.write(column, rows: $1) }
        case .buckets(let buckets):
            var pieces: [TextAnswer.Piece] = []
            for (index, (name, column)) in buckets.columns.enumerated() {
                pieces.append { writer in
                    index == 0 ? writer.raw("{") : writer.raw(",")
                    writer.key(name)
                }
                pieces += listPieces(column.count) { $0.write(column, rows: $1) }
            }
            return pieces + [{ $0.raw("}") }]
        }
    }

    private static func pieces(
        of timeline: TimelineAnswer,
        _ times: TimeForm,
        isFirst: Bool
    ) -> [TextAnswer.Piece] {
        var pieces: [TextAnswer.Piece] = [
            { writer in
                if !isFirst { writer.raw(",") }
                writer.key(timeline.name)
                writer.raw("{\"t\":")
            }
        ]
        pieces += listPieces(timeline.timestamps.count) { writer, rows in
            writer.separated(timeline.timestamps[rows]) { $0.write($1, times) }
        }
        if let ends = timeline.ends {
            pieces.append { $0.raw(",\"end\":") }
            pieces += listPieces(ends.count) { writer, rows in
                writer.separated(ends[rows]) { $0.write($1, times) }
            }
        }
        pieces.append { writer in
            writer.raw(",")
            timeline.writeMembers(to: &writer, times)
            writer.raw("}")
        }
        return pieces
    }

    /// A list of `count` elements, cut where a piece is full.
    private static func listPieces(
        _ count: Int,
        _ write: @escaping @Sendable (inout JSONWriter, Range<Int>) -> Void
    ) -> [TextAnswer.Piece] {
        var pieces: [TextAnswer.Piece] = [{ $0.raw("[") }]
        let size = ReaderLimits.valuesPerPiece
        for start in stride(from: 0, to: count, by: size) {
            pieces.append { writer in
                if start > 0 { writer.raw(",") }
                write(&writer, start..<min(start + size, count))
            }
        }
        return pieces + [{ $0.raw("]") }]
    }

    /// `"nonfinite": {field: {index: "NaN"}}`, for buckets `{field: {statistic: {index: "NaN"}}}`:
    /// what JSON's numbers cannot say and the arrays show as null.
    private func writeNonfinite(to writer: inout JSONWriter) {
        writer.key("nonfinite")
        let all = timelines.flatMap(\.fields).filter { field in
            switch field.content {
            case .samples(let column): !column.nonfinite.isEmpty
            case .buckets(let buckets): buckets.columns.contains { !$0.column.nonfinite.isEmpty }
            }
        }
        writer.object(all) { writer, field in
            writer.key(field.name)
            switch field.content {
            case .samples(let column): writer.writeNonfinite(of: column)
            case .buckets(let buckets):
                let some = buckets.columns.filter { !$0.column.nonfinite.isEmpty }
                writer.object(some) { writer, statistic in
                    writer.key(statistic.name)
                    writer.writeNonfinite(of: statistic.column)
                }
            }
        }
    }

    /// The members that follow the samples in JSON and make the last line of NDJSON.
    func writeTail(to writer: inout JSONWriter, _ times: TimeForm) {
        writer.key("gaps")
        writer.list(gaps) { $0.write($1, times) }
        writer.raw(",")
        writer.key("marks")
        writer.list(marks) { $0.write($1, times) }
        writer.raw(",")
        writer.key("tier")
        writer.write(tier.rawValue)
        writer.raw(",")
        writer.key("notes")
        writer.list(notes) { $0.write($1) }
    }
}

extension TimelineAnswer {
    /// The members of a timeline beside its times.
    func writeMembers(to writer: inout JSONWriter, _ times: TimeForm) {
        writer.key("fields")
        writer.list(fields) { $0.write($1.name) }
        writer.raw(",")
        writer.key("units")
        writer.list(fields) { $0.write(Value.optional($1.unit?.rawValue)) }
        writer.raw(",")
        writer.key("finalized_until")
        writer.write(finalizedUntil, times)
        writer.raw(",")
        writer.key("revision")
        writer.write(revision)
    }
}

extension Column {
    /// The rows that hold NaN or an infinity.
    var nonfinite: [(row: Int, value: Double)] {
        guard case .doubles(let values) = values else { return [] }
        var found: [(row: Int, value: Double)] = []
        for (row, value) in values.enumerated() where !value.isFinite && isPresent(row) {
            found.append((row, value))
        }
        return found
    }
}

extension JSONWriter {
    /// Writes the rows with commas between them; missing ones are null.
    mutating func write(_ column: Column, rows: Range<Int>) {
        let presence = column.presence
        switch column.values {
        case .doubles(let values): present(rows, presence) { $0.write(values[$1]) }
        case .ints(let values): present(rows, presence) { $0.write(values[$1]) }
        case .bools(let values): present(rows, presence) { $0.write(values[$1]) }
        case .strings(let values): present(rows, presence) { $0.write(values[$1]) }
        }
    }

    private mutating func present(
        _ rows: Range<Int>,
        _ presence: [Bool]?,
        _ write: (inout JSONWriter, Int) -> Void
    ) {
        separated(rows) { writer, row in
            if presence?[row] ?? true { write(&writer, row) } else { writer.raw("null") }
        }
    }

    /// `{"12": "NaN"}`.
    mutating func writeNonfinite(of column: Column) {
        object(column.nonfinite) { writer, entry in
            writer.key(String(entry.row))
            writer.writeName(ofNonfinite: entry.value)
        }
    }

    /// `"NaN"`, `"Infinity"` or `"-Infinity"`.
    mutating func writeName(ofNonfinite value: Double) {
        value.isNaN ? raw("\"NaN\"") : value > 0 ? raw("\"Infinity\"") : raw("\"-Infinity\"")
    }

    /// Writes a row of the ledger.
    mutating func write(_ gap: LedgerEntry, _ times: TimeForm) {
        raw("{")
        key("kind")
        write(gap.kind.rawValue)
        raw(",")
        key("instance")
        write(gap.instance)
        raw(",")
        key("feed")
        write(Value.optional(gap.feed))
        raw(",")
        key("from")
        write(gap.from, times)
        raw(",")
        key("to")
        write(gap.to, times)
        raw(",")
        key("count")
        write(gap.count.map { .int($0) } ?? Value.null)
        raw(",")
        key("cause")
        write(gap.cause)
        raw(",")
        key("epoch")
        write(gap.epoch.map { .int($0) } ?? Value.null)
        raw(",")
        key("first")
        write(gap.first.map { .int($0) } ?? Value.null)
        raw("}")
    }
}

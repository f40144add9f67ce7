internal import Telemetry

extension DataAnswer {
    /// A header, then a row for each time, with one cell a field.
    ///
    /// Rows begin with `time`, those of buckets with `start,end`; a field with a unit is headed
    /// `NAME [UNIT]`. A missing value is an empty cell, an empty text is `""`. RFC 4180, but that
    /// lines end with a line feed alone, and that where something is missing or doubtful, lines
    /// that begin with `#` say so behind the rows.
    func csvPieces(_ times: TimeForm) -> [TextAnswer.Piece] {
        let table = table
        let header: TextAnswer.Piece = { writer in
            table.hasBuckets ? writer.raw("start,end") : writer.raw("time")
            for column in table.columns {
                writer.raw(",")
                writer.writeHeading(column.name, column.unit)
            }
            writer.raw("\n")
        }
        let remarks: TextAnswer.Piece = { writer in
            for line in (gaps + marks).map(\.sentence) + notes { writer.writeRemark(line) }
        }
        return [header] + table.pieces { table.writeCSV($1, times, to: &$0) } + [remarks]
    }

    /// A line for each time, `{"t": …, field: value, …}`, with the fields that have one.
    ///
    /// The last line is `{"rows": n, "timeline": …, "gaps": …, "tier": …}`: an answer without it
    /// was cut.
    func ndjsonPieces(_ times: TimeForm) -> [TextAnswer.Piece] {
        let table = table
        var pieces = table.pieces { table.writeNDJSON($1, times, to: &$0) }
        pieces.append { writer in
            var merger = table.merger()
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
}

internal import Archive
internal import Telemetry

// Samples as they are, or some of them: read piece by piece.

extension QueryEngine {
    /// The samples of fields of one timeline.
    func samples(
        of fields: [FieldName],
        _ query: DataQuery,
        _ left: Allowance,
        _ deadline: Deadline
    ) throws(QueryError) -> Part {
        let end = query.range.upperBound
        var start = query.range.lowerBound
        var window = end - start
        var piece = try nextPiece(fields, start..<end, query, left.values)
        // A field that the feed never declared is not on its timeline.
        let onTimeline = fields.indices.filter { piece.fields[$0] != nil }
        let types = onTimeline.map { piece.columns[$0].type }
        guard !types.isEmpty else { return Part() }
        let units = onTimeline.map { piece.fields[$0].flatMap(\.unit) }
        // The first look sees all of the range, so what it keeps apart is all that there is.
        var part = Part(notes: piece.apart.map { $0.note(in: fields[0].timeline) })
        let revision = piece.revision
        var gatherer = SampleGatherer(types, stride: query.reduction.stride)
        while true {
            gatherer.add(
                piece.timestamps,
                zip(onTimeline, zip(types, units)).map { index, kind in
                    piece.fields[index].map { $0.unit == kind.1 } ?? true
                        ? piece.columns[index].converted(to: kind.0)
                        : Column(missing: kind.0, count: piece.timestamps.count)
                }
            )
            guard gatherer.valueCount <= left.values else { throw overAllowance }
            // What did not fit is looked for nearby, since the archive merges all that it is asked.
            let isCut = piece.end < min(end, start + window)
            window = isCut ? piece.end - start : window + window
            start = piece.end
            guard start < end else { break }
            try deadline.check()
            piece = try nextPiece(fields, start..<min(end, start + window), query, left.values)
        }
        guard left.take(gatherer.valueCount) else { throw overAllowance }
        guard gatherer.columns.contains(where: \.hasValues) else { return part }
        part.timeline = TimelineAnswer(
            name: fields[0].timeline,
            timestamps: gatherer.timestamps,
            ends: nil,
            fields: zip(zip(onTimeline, units), gatherer.columns).map { field, column in
                FieldAnswer(
                    name: fields[field.0].description,
                    content: .samples(column),
                    unit: field.1
                )
            },
            finalizedUntil: query.range.lowerBound,
            revision: revision
        )
        return part
    }

    /// Rows that the archive gave, and the instant before which they are all that there are.
    private struct Piece {
        var timestamps: [Timestamp]
        var columns: [Column]
        var fields: [Field?]
        var revision: Int64
        var apart: [KeptApart]
        var end: Timestamp

        /// The first `count` rows of a slice, which are complete before `end`.
        init(_ slice: TimelineSlice, rows count: Int, end: Timestamp) {
            let isWhole = count == slice.timestamps.count
            timestamps = isWhole ? slice.timestamps : Array(slice.timestamps[..<count])
            columns = isWhole ? slice.columns : slice.columns.map { $0.picked(Array(0..<count)) }
            fields = slice.fields
            revision = slice.revision
            apart = slice.apart
            self.end = end
        }
    }

    /// The first rows of `range`, as many as may be held at once.
    private func nextPiece(
        _ fields: [FieldName],
        _ range: Range<Timestamp>,
        _ query: DataQuery,
        _ left: Int
    ) throws(QueryError) -> Piece {
        var limit = max(1, (query.reduction == .none ? left : pieceValues) / fields.count)
        while true {
            let slice = try archive.slice(of: fields, in: range, limit: limit)
            guard slice.leftOut > 0 else {
                return Piece(slice, rows: slice.timestamps.count, end: range.upperBound)
            }
            guard query.reduction != .none, limit <= allowance, let last = slice.timestamps.last
            else { throw overAllowance }
            // Rows of one time stay together: of the last time some may have been left out.
            if let count = slice.timestamps.firstIndex(of: last), count > 0 {
                return Piece(slice, rows: count, end: last)
            }
            limit *= 2
        }
    }
}

extension Reduction {
    /// How far apart samples have to be; nil where all are kept.
    fileprivate var stride: Duration? { if case .stride(let stride) = self { stride } else { nil } }
}

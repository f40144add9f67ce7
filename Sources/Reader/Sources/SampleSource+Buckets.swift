internal import Archive
internal import Telemetry

extension SampleSource {
    /// The buckets of a source that has no roll-ups: all samples are read, piece by piece.
    ///
    /// Nil if there were more than `limit` buckets of fields.
    func reduced(
        _ fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets? {
        var reduction = SliceReduction(fields: fields.map(\.field), grid)
        let range = grid.range
        var rows = max(1, ReaderLimits.pieceValues / fields.count)
        var start = range.lowerBound
        var window = range.upperBound - start
        while start < range.upperBound {
            try deadline.check()
            let end = min(range.upperBound, start + window)
            let slice = try slice(of: fields, in: start..<end, limit: rows)
            if slice.leftOut == 0 {
                reduction.add(slice, rows: slice.timestamps.count)
                start = end
                window = window + window
            } else if let last = slice.timestamps.last,
                let whole = slice.timestamps.firstIndex(of: last), whole > 0
            {
                // Rows of one time stay together: of the last time some may have been left out.
                reduction.add(slice, rows: whole)
                window = last - start
                start = last
            } else {
                rows *= 2
            }
            guard reduction.count <= limit else { return nil }
        }
        return reduction.buckets
    }
}

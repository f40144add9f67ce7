public import Archive
internal import Telemetry

extension ArchiveExport {
    /// Writes the fields as a tree of `.g3` files, one for each hour of UTC.
    ///
    /// - Parameters:
    ///   - writer: writes the files; those of the same hours that it wrote before are replaced.
    ///   - progress: called with the rows that were written, and those that there are.
    ///   - isStopped: whether to end early, asked before each hour.
    /// - Returns: what was written, and what is missing.
    /// - Throws: ``ExportError/stopped``, `ArchiveError`.
    public func write(
        tree writer: G3TreeWriter,
        progress: (Int64, Int64) -> Void = { _, _ in },
        isStopped: () -> Bool = { false }
    ) throws -> ExportSummary {
        var summary = ExportSummary()
        var apart = ExportNotes()
        let all = try count(range).rows
        var second = range.lowerBound.nanoseconds / 1_000_000_000
        second -= second % 3600
        while Timestamp(seconds: second) < range.upperBound {
            guard !isStopped() else { throw ExportError.stopped }
            let hour = Timestamp(seconds: second)..<Timestamp(seconds: second + 3600)
            let window = hour.clamped(to: range)
            if try count(window).rows > 0 {
                let written = try writer.write(second) { add in
                    for part in timelines.indices {
                        if let rows = try rows(of: part, window, &apart) { try add(rows) }
                    }
                }
                summary.rows += Int64(written)
                progress(Int64(summary.rows), all)
            }
            second += 3600
        }
        summary.ledger = try ledger()
        summary.notes = apart.notes
        return summary
    }

    private func rows(
        of part: Int,
        _ window: Range<Timestamp>,
        _ notes: inout ExportNotes
    ) throws -> G3Rows? {
        let timeline = timelines[part]
        let slice = try store.timeline(
            instance: timeline.instance,
            feed: timeline.feed,
            fields: timeline.columns.map { columns[$0].name.field },
            range: window
        )
        for part in slice.apart { notes.add(part, timeline.instance, timeline.feed) }
        guard !slice.timestamps.isEmpty else { return nil }
        return G3Rows(
            instance: timeline.instance,
            feed: timeline.feed,
            timestamps: slice.timestamps,
            fields: timeline.columns.enumerated().map { place, column in
                (
                    columns[column].name.field,
                    notes.fitting(
                        slice.columns[place],
                        declared: slice.fields[place],
                        as: columns[column],
                        slice.timestamps
                    )
                )
            }
        )
    }
}

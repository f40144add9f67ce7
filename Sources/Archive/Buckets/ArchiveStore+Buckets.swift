internal import ArchiveFormat
internal import Log
internal import Telemetry

extension ArchiveStore {
    /// The samples of some fields of a timeline, reduced to the buckets of `grid`.
    ///
    /// Each number comes from the coarsest place that is exact for its bucket: statistics of whole
    /// runs in the index, of groups, hours and minutes in sealed files, else the samples. A run
    /// that lies across an edge of the grid and overlaps no other moves the edge to its own end,
    /// unless the grid was made of given edges.
    ///
    /// `fields` are names within the feed. `limit` is the most buckets of all fields together.
    /// `isStopped` is asked before each piece is read: true ends the work.
    ///
    /// - Returns: the buckets, nil if they were more than `limit`.
    /// - Throws: ``ArchiveError/stopped``, and what reading throws.
    public func buckets(
        instance: String,
        feed: String,
        fields: [String],
        grid: BucketGrid,
        limit: Int = .max,
        isStopped: () -> Bool = { false }
    ) throws(ArchiveError) -> TimelineBuckets? {
        let range = grid.range
        return try restarting { () throws(ArchiveError) in
            let empty = BucketReduction(grid, fields: fields)
            let (plan, reduced, revision) = try withState { state throws(ArchiveError) in
                (
                    try BucketPlan(empty, instance, feed, range, index, state.segments),
                    try index.reduced((instance, feed), in: range),
                    state.revisions["\(instance).\(feed)"] ?? 0
                )
            }
            var reduction = plan.reduction
            try addReduced(reduced, range, to: &reduction, isStopped)
            for unread in plan.unread {
                guard !isStopped() else { throw .stopped }
                guard reduction.count <= limit else { return nil }
                try add(unread, range, to: &reduction, isStopped)
            }
            for open in plan.open {
                try add(open, fields, range, limit, to: &reduction, isStopped)
            }
            return reduction.count <= limit ? reduction.gathered(revision: revision) : nil
        }
    }

    private func add(
        _ open: BucketPlan.Open,
        _ fields: [String],
        _ range: Range<Timestamp>,
        _ limit: Int,
        to reduction: inout BucketReduction,
        _ isStopped: () -> Bool
    ) throws(ArchiveError) {
        for source in open.sources {
            guard !isStopped() else { throw .stopped }
            guard reduction.count <= limit else { return }
            for encoded in try pieces([source], fields, range) {
                guard let piece = try encoded.read() else { continue }
                let stretches = reduction.stretches(piece.times, piece.rows)
                guard let span = stretches.span(of: piece.times) else { continue }
                reduction.note(
                    open.declared,
                    .raw,
                    arrival: open.arrival,
                    from: span.lowerBound,
                    to: span.upperBound
                )
                for (index, values) in piece.columns.enumerated() {
                    guard let column = try values?.column() else { continue }
                    reduction.add(
                        column,
                        index,
                        open.declared,
                        piece.times,
                        stretches,
                        arrival: open.arrival
                    )
                }
            }
        }
    }

    private func add(
        _ unread: BucketPlan.Unread,
        _ range: Range<Timestamp>,
        to reduction: inout BucketReduction,
        _ isStopped: () -> Bool
    ) throws(ArchiveError) {
        guard let (file, timeline) = try open(unread.place) else { return }
        let runs = ArchiveIndex.runs(timeline.groups)
        guard runs.indices.contains(unread.run.number) else { return }
        for group in runs[unread.run.number]
        where group.first < range.upperBound && group.last >= range.lowerBound {
            guard !isStopped() else { throw .stopped }
            GroupReader(
                store: self,
                file: file,
                timeline: timeline,
                group: group,
                unread: unread
            ).add(to: &reduction)
        }
    }
}

extension [BucketReduction.Stretch] {
    /// The first and the last time of the rows; nil if there are none.
    func span(of times: [Int64]) -> ClosedRange<Int64>? {
        guard let first = self.map({ times[$0.rows.lowerBound] }).min(),
            let last = self.map({ times[$0.rows.upperBound - 1] }).max()
        else { return nil }
        return first...last
    }
}

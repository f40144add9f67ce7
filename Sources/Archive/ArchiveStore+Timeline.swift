public import ArchiveFormat
internal import Log
public import Telemetry

extension ArchiveStore {
    /// The samples of some fields of a timeline in `range`, from all files as one timeline.
    ///
    /// No sample is missing or doubled, also while a segment is being sealed.
    ///
    /// `fields` are names within the feed, in the order of the columns of the answer. `limit` is
    /// the most rows: the earliest are given, and the others counted.
    public func timeline(
        instance: String,
        feed: String,
        fields: [String],
        range: Range<Timestamp>,
        limit: Int = .max
    ) throws(ArchiveError) -> TimelineSlice {
        try restarting { () throws(ArchiveError) in
            try slice(instance, feed, fields, range, limit)
        }
    }

    /// The roll-ups of some fields of a timeline in `range`, merged over all sealed files.
    ///
    /// For each field its buckets in order of time, those at both ends whole. Nil where roll-ups
    /// of that tier do not cover the range: where a file has none, and where the journal has
    /// samples.
    public func rollups(
        instance: String,
        feed: String,
        fields: [String],
        range: Range<Timestamp>,
        tier: RollupTier
    ) throws(ArchiveError) -> [[FieldBucket]]? {
        try restarting { () throws(ArchiveError) in
            try merged(instance, feed, fields, range, tier)
        }
    }

    private func merged(
        _ instance: String,
        _ feed: String,
        _ fields: [String],
        _ range: Range<Timestamp>,
        _ tier: RollupTier
    ) throws(ArchiveError) -> [[FieldBucket]]? {
        let (places, hasJournal) = try withState { state throws(ArchiveError) in
            let rows = state.segments.flatMap { $0.timelines(named: "\(instance).\(feed)") }
            return (
                try index.places(instance: instance, feed: feed, range: range),
                rows.contains { $0.span.overlaps(range) }
            )
        }
        guard !hasJournal else { return nil }
        var merged: [[Timestamp: Statistics]] = fields.map { _ in [:] }
        for place in places {
            guard let (file, timeline) = try open(place) else { continue }
            for group in timeline.groups
            where group.first < range.upperBound && group.last >= range.lowerBound {
                guard let rollup = group.rollups.first(where: { $0.tier == tier }) else {
                    return nil
                }
                for (index, name) in fields.enumerated() {
                    guard let field = timeline.feed.fields.firstIndex(where: { $0.name == name })
                    else { continue }
                    guard let buckets = try buckets(rollup, field, timeline, file) else {
                        return nil
                    }
                    for bucket in buckets
                    where bucket.start < range.upperBound
                        && bucket.start + .nanoseconds(tier.nanoseconds) > range.lowerBound
                    {
                        merged[index][bucket.start, default: Statistics()].add(bucket.statistics)
                    }
                }
            }
        }
        return merged.map { buckets in
            buckets.map { FieldBucket(start: $0.key, statistics: $0.value) }
                .sorted { $0.start < $1.start }
        }
    }

    /// The buckets of one field; nil if they are damaged: the samples tell the same.
    private func buckets(
        _ rollup: SealedRollup,
        _ field: Int,
        _ timeline: SealedTimeline,
        _ file: SealedFile
    ) throws(ArchiveError) -> [FieldBucket]? {
        let subject = "roll-up of \(timeline.instance).\(timeline.feed.name)"
        do throws(ArchiveError) {
            let found = try file.statistics(of: field, in: rollup) {
                (chunk, type, rows) throws(ArchiveError) in
                try column(chunk, type, rows, file, subject)
            }
            guard let (starts, statistics) = found else { return [] }
            return zip(starts, statistics).map {
                FieldBucket(start: Timestamp(nanoseconds: $0), statistics: $1)
            }
        } catch {
            return nil
        }
    }

    private func slice(
        _ instance: String,
        _ feed: String,
        _ fields: [String],
        _ range: Range<Timestamp>,
        _ limit: Int
    ) throws(ArchiveError) -> TimelineSlice {
        let (places, open, revision) = try withState { state throws(ArchiveError) in
            let name = "\(instance).\(feed)"
            return (
                try index.places(instance: instance, feed: feed, range: range),
                state.segments.flatMap { segment in
                    segment.timelines(named: name).flatMap {
                        RowSource.sources($0, segment, in: range)
                    }
                },
                state.revisions[name] ?? 0
            )
        }
        var sources: [RowSource] = []
        for place in places {
            guard let (file, timeline) = try self.open(place) else { continue }
            for group in timeline.groups
            where group.first < range.upperBound && group.last >= range.lowerBound {
                sources.append(.group(group, timeline, file, path: place.path))
            }
        }
        return TimelineSlice(
            try pieces(sources + open, fields, range),
            fields: fields.count,
            limit: limit,
            revision: revision
        )
    }
}

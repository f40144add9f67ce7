internal import ArchiveFormat
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
        return try TimelineSlice(
            try pieces(sources + open, fields, range),
            fields: fields.count,
            limit: limit,
            revision: revision
        )
    }
}

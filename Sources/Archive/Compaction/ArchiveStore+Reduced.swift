public import ArchiveFormat
internal import Log
internal import Synchronization
public import Telemetry

/// What a minute or an hour of one field amounted to whose samples retention has removed.
public struct ReducedBucket: Hashable, Sendable {
    /// When it begins, and how long it is.
    public var start: Timestamp, tier: RollupTier
    /// What its samples amounted to; of two with one start each has a part.
    public var statistics: Statistics

    /// A bucket.
    public init(start: Timestamp, tier: RollupTier, statistics: Statistics) {
        self.start = start
        self.tier = tier
        self.statistics = statistics
    }
}

extension ArchiveStore {
    /// What retention has left of some fields of a timeline in `range`, in order of time.
    ///
    /// For each field the buckets that overlap the range, those at both ends whole; none where
    /// samples are there. They are hours, or minutes where `finest` is that and there are minutes.
    ///
    /// - Throws: ``ArchiveError``; what is damaged is left out and a row of the ledger.
    public func reducedBuckets(
        instance: String,
        feed: String,
        fields: [String],
        range: Range<Timestamp>,
        finest: RollupTier
    ) throws(ArchiveError) -> [[ReducedBucket]] {
        try restarting { () throws(ArchiveError) in
            let places = try withState { _ throws(ArchiveError) in
                try index.reduced((instance, feed), in: range)
            }
            var buckets: [[ReducedBucket]] = fields.map { _ in [] }
            for place in places {
                guard let (file, timeline) = try open(place) else { continue }
                for group in timeline.groups
                where group.first < range.upperBound && group.last >= range.lowerBound {
                    try add(group, timeline, file, fields, finest, to: &buckets)
                }
            }
            return buckets.map { buckets in
                buckets.filter { bucket in
                    bucket.start < range.upperBound
                        && bucket.start + .nanoseconds(bucket.tier.nanoseconds) > range.lowerBound
                }.sorted { $0.start < $1.start }
            }
        }
    }

    private func add(
        _ group: ReducedGroup,
        _ timeline: ReducedTimeline,
        _ file: SealedFile,
        _ fields: [String],
        _ finest: RollupTier,
        to buckets: inout [[ReducedBucket]]
    ) throws(ArchiveError) {
        let minutes = group.rollups.first { $0.tier == .minute && finest == .minute }
        guard let rollup = minutes ?? group.rollups.first(where: { $0.tier == .hour }) else {
            return
        }
        let subject = "roll-up of \(timeline.instance).\(timeline.feed.name)"
        for (index, name) in fields.enumerated() {
            guard let field = timeline.feed.fields.firstIndex(where: { $0.name == name }) else {
                continue
            }
            do throws(ArchiveError) {
                let found = try file.statistics(of: field, in: rollup) {
                    (chunk, type, rows) throws(ArchiveError) in
                    try column(chunk, type, rows, file, subject)
                }
                for (start, statistics) in zip(found?.starts ?? [], found?.statistics ?? []) {
                    buckets[index].append(
                        ReducedBucket(
                            start: Timestamp(nanoseconds: start),
                            tier: rollup.tier,
                            statistics: statistics
                        )
                    )
                }
            } catch {
                note(error, subject, group, timeline, file)
            }
        }
    }

    /// The file and the timeline at `place`; nil where it cannot be read, which then is a gap.
    private func open(
        _ place: ReducedPlace
    ) throws(ArchiveError) -> (file: SealedFile, timeline: ReducedTimeline)? {
        let whole = SealedPlace(
            path: place.path,
            file: place.file,
            place: 0,
            first: place.first,
            last: place.last
        )
        guard let file = try openFile(whole) else { return nil }
        let timelines = file.footer.reduced
        return timelines.indices.contains(place.place) ? (file, timelines[place.place]) : nil
    }

    private func note(
        _ error: ArchiveError,
        _ subject: String,
        _ group: ReducedGroup,
        _ timeline: ReducedTimeline,
        _ file: SealedFile
    ) {
        guard case .chunk(_, let offset, _, _) = error else { return }
        let path = String(file.path.dropFirst(directory.path.count + 1))
        let chunk = group.rollups.lazy.flatMap(\.chunks).first { $0.offset == offset }
        guard let chunk else { return }
        let row = LedgerEntry(
            instance: timeline.instance,
            feed: timeline.feed.name,
            from: group.first,
            to: group.last + .nanoseconds(1),
            count: Int64(group.rows),
            cause: "damage: \(path): chunk at byte \(offset) of \(subject)"
        )
        state.withLock { $0.damage.note(chunk, in: path, row: row, mayHeal: true) }
    }
}

extension ReducedPlace {
    /// What the index knows of each field.
    var summaries: [FieldSummary] {
        feed.fields.map { field in
            FieldSummary(
                name: FieldName(instance: instance, feed: feed.name, field: field.name),
                field: field,
                period: feed.period,
                lateness: feed.lateness,
                first: first,
                last: last,
                count: rows
            )
        }
    }
}

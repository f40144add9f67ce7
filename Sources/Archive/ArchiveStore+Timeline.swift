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
            let rows = state.segments.flatMap { $0.collectors(of: instance, feed: feed) }
            let bounds = range.lowerBound.nanoseconds..<range.upperBound.nanoseconds
            return (
                try index.places(instance: instance, feed: feed, range: range),
                rows.contains { $0.times.contains(where: bounds.contains) }
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
        let (places, journal, revision) = try withState { state throws(ArchiveError) in
            var pieces: [SlicePiece] = []
            for segment in state.segments {
                for collector in segment.collectors(of: instance, feed: feed) {
                    let piece = SlicePiece(collector, fields: fields, range: range)
                    // A declaration without rows here has no say in what the columns are.
                    if !piece.times.isEmpty { pieces.append(piece) }
                }
            }
            return (
                try index.places(instance: instance, feed: feed, range: range), pieces,
                state.revisions["\(instance).\(feed)"] ?? 0
            )
        }
        var pieces: [SlicePiece] = []
        for place in places {
            pieces += try sealedPieces(place, fields, range)
        }
        pieces += journal
        return SlicePiece.merge(pieces, fields: fields, limit: limit, revision: revision)
    }

    private func sealedPieces(
        _ place: SealedPlace,
        _ fields: [String],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        guard let (file, timeline) = try open(place) else { return [] }
        var pieces: [SlicePiece] = []
        for group in timeline.groups
        where group.first < range.upperBound && group.last >= range.lowerBound {
            guard let times = times(of: group, timeline, file, place.path) else { continue }
            let rows = rowsOf(range, in: times)
            guard !rows.isEmpty else { continue }
            var piece = SlicePiece(timeline.feed, times: Array(times[rows]))
            for name in fields {
                guard let field = timeline.feed.fields.firstIndex(where: { $0.name == name })
                else {
                    piece.columns.append(nil)
                    continue
                }
                let column = values(of: field, in: group, timeline, file, place.path)
                piece.columns.append((timeline.feed.fields[field], column, rows))
            }
            pieces.append(piece)
        }
        return pieces
    }
}

/// Some rows of an answer, from one place.
struct SlicePiece: Sendable {
    let feed: Feed
    /// In order of arrival, which need not be that of time.
    let times: [Int64]
    /// For each field of the question its declaration and the rows of a column; nil if it has none.
    var columns: [(field: Field, column: Column, rows: Range<Int>)?] = []

    init(_ feed: Feed, times: [Int64]) {
        self.feed = feed
        self.times = times
    }

    /// The rows of `collector` in `range`.
    init(_ collector: RowCollector, fields: [String], range: Range<Timestamp>) {
        let bounds = range.lowerBound.nanoseconds..<range.upperBound.nanoseconds
        let rows = collector.times.indices.filter { bounds.contains(collector.times[$0]) }
        self.init(collector.feed, times: rows.map { collector.times[$0] })
        for name in fields {
            guard let field = collector.feed.fields.firstIndex(where: { $0.name == name }) else {
                columns.append(nil)
                continue
            }
            let column = collector.column(field).rows(rows)
            columns.append((collector.feed.fields[field], column, 0..<rows.count))
        }
    }

    /// All pieces as one timeline.
    static func merge(
        _ pieces: [SlicePiece],
        fields: [String],
        limit: Int,
        revision: Int64
    ) -> TimelineSlice {
        var times: [Int64] = []
        times.reserveCapacity(pieces.reduce(0) { $0 + $1.times.count })
        for piece in pieces { times += piece.times }
        let order = stableOrder(times)
        let count = min(times.count, max(0, limit))
        var slice = TimelineSlice(
            timestamps: [],
            columns: [],
            fields: [],
            leftOut: times.count - count,
            revision: revision
        )
        let kept = order.map { Array($0.prefix(count)) }
        slice.timestamps =
            kept.map { $0.map { Timestamp(nanoseconds: times[$0]) } }
            ?? times.prefix(count).map(Timestamp.init(nanoseconds:))
        for index in fields.indices {
            let field = type(of: pieces.compactMap { $0.columns[index]?.field })
            var builder = ColumnBuilder(field?.type ?? .double)
            for piece in pieces {
                if let (declared, column, rows) = piece.columns[index] {
                    if let field, declared.stands(with: field) {
                        builder.append(column, rows: rows)
                    } else {
                        builder.appendMissing(rows.count)
                        slice.keepApart(declared, column, rows, piece.times)
                    }
                } else {
                    builder.appendMissing(piece.times.count)
                }
            }
            let column = builder.column
            slice.fields.append(field)
            slice.columns.append(
                kept.map { column.rows($0) }
                    ?? (count == column.count ? column : column.rows(Array(0..<count)))
            )
        }
        return slice
    }

    /// The newest declaration, as a double if any was and none is anything but a number.
    static func type(of fields: [Field]) -> Field? {
        guard let newest = fields.last else { return nil }
        guard newest.type == .int,
            fields.contains(where: { $0.type == .double && $0.unit == newest.unit })
        else { return newest }
        return Field(
            newest.name,
            .double,
            unit: newest.unit,
            description: newest.description,
            limits: newest.limits
        )
    }
}

extension Field {
    /// Whether values declared so stand in one column with those of `other`.
    fileprivate func stands(with other: Field) -> Bool {
        unit == other.unit && (type == other.type || type == .int && other.type == .double)
    }
}

extension TimelineSlice {
    /// Counts the values of `column` among those that the columns do not have.
    fileprivate mutating func keepApart(
        _ field: Field,
        _ column: Column,
        _ rows: Range<Int>,
        _ times: [Int64]
    ) {
        let present = zip(rows, times).filter { column.isPresent($0.0) }.map(\.1)
        guard let first = present.min(), let last = present.max() else { return }
        let (start, end) = (Timestamp(nanoseconds: first), Timestamp(nanoseconds: last))
        guard let index = apart.firstIndex(where: { $0.field == field }) else {
            apart.append(KeptApart(field: field, first: start, last: end, count: present.count))
            return
        }
        apart[index].first = min(apart[index].first, start)
        apart[index].last = max(apart[index].last, end)
        apart[index].count += present.count
    }
}

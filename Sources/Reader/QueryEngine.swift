internal import Archive
internal import Telemetry

/// Makes answers from the archive; blocks while it reads.
struct QueryEngine: Sendable {
    let archive: any SampleSource
    /// The allowance, and how much a reduction reads at a time, in values.
    var allowance = ReaderLimits.values, pieceValues = ReaderLimits.pieceValues

    /// Takes note of what the archive has got since the last time.
    func refresh() throws(QueryError) {
        try archive.refresh()
    }

    /// The fields with samples in the range, and their timelines.
    func fields(_ query: FieldsQuery, _ deadline: Deadline) throws(QueryError) -> FieldsAnswer {
        try deadline.check()
        guard !query.range.isEmpty else { return FieldsAnswer(fields: [], timelines: []) }
        let summaries = try archive.fields(in: query.range)
            .filter { summary in
                query.patterns.isEmpty
                    || query.patterns.contains { $0.matches(summary.name.description) }
            }
            .sorted { $0.name < $1.name }
        var timelines: [FieldsAnswer.Timeline] = []
        for (name, group) in Dictionary(grouping: summaries, by: \.name.timeline) {
            timelines.append(
                FieldsAnswer.Timeline(
                    name: name,
                    interval: Self.interval(of: group),
                    fields: group.map(\.name)
                )
            )
        }
        return FieldsAnswer(
            fields: summaries.map { summary in
                FieldsAnswer.Field(
                    name: summary.name,
                    type: summary.field.type,
                    unit: summary.field.unit,
                    description: summary.field.description,
                    last: summary.last
                )
            },
            timelines: timelines.sorted { $0.name < $1.name }
        )
    }

    /// The declared period, else the mean spacing of the field with the most samples.
    private static func interval(of group: [FieldSummary]) -> Double? {
        if let period = group.lazy.compactMap(\.period).first { return period.inSeconds }
        guard let fullest = group.max(by: { $0.count < $1.count }), fullest.count > 1 else {
            return nil
        }
        return (fullest.last - fullest.first).inSeconds / Double(fullest.count - 1)
    }

    /// The ledger's rows of the range; of those instances and feeds that the patterns may fit.
    func gaps(_ query: GapsQuery, _ deadline: Deadline) throws(QueryError) -> LedgerAnswer {
        try deadline.check()
        guard !query.range.isEmpty else { return LedgerAnswer([], limit: query.limit) }
        let rows = try archive.gaps(in: query.range).filter { row in
            query.kinds.contains(row.kind)
                && (query.patterns.isEmpty || query.patterns.contains(where: row.concerns))
        }
        return LedgerAnswer(rows, limit: query.limit)
    }

    /// Samples or buckets of the fields, one entry for each of them whether it has data or not.
    func data(_ query: DataQuery, _ deadline: Deadline) throws(QueryError) -> DataAnswer {
        try deadline.check()
        var answer = DataAnswer(fields: [], timelines: [], gaps: [], tier: .raw, notes: [])
        let names = try expanded(query)
        answer.fields = names.map(\.text)
        guard !query.range.isEmpty else { return answer }

        let known = names.compactMap { FieldName($0.text) }
        let groups = Dictionary(grouping: known, by: \.timeline)
        var left = allowance
        for timeline in groups.keys.sorted() {
            guard let fields = groups[timeline],
                let part = try read(fields, query, &left, &answer.notes, deadline)
            else { continue }
            answer.timelines.append(part)
        }
        let timelines = Set(groups.keys)
        let ledger = LedgerAnswer(
            try archive.gaps(in: query.range).filter { $0.concerns(timelines) }
        )
        (answer.gaps, answer.marks) = (ledger.gaps, ledger.marks)
        answer.notes += ledger.notes
        return answer
    }

    /// The names asked for, each once, patterns replaced by the fields that have samples.
    private func expanded(_ query: DataQuery) throws(QueryError) -> [FieldPattern] {
        var all: [String] = []
        if query.fields.contains(where: \.isGlob), !query.range.isEmpty {
            all = try archive.fields(in: query.range).map(\.name.description).sorted()
        }
        var names: [FieldPattern] = []
        var seen: Set<String> = []
        for pattern in query.fields {
            let matches = pattern.isGlob ? all.filter(pattern.matches) : [pattern.text]
            for name in matches where seen.insert(name).inserted {
                names.append(FieldPattern(name))
            }
        }
        guard names.count <= ReaderLimits.fields else {
            throw .limit(
                what: "fields",
                found: names.count,
                limit: ReaderLimits.fields,
                advice: "ask for fewer at a time"
            )
        }
        return names
    }

    /// The fields of one timeline, nil if none of them has a sample in the range.
    private func read(
        _ fields: [FieldName],
        _ query: DataQuery,
        _ left: inout Int,
        _ notes: inout [String],
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineAnswer? {
        // Asked before the samples are read: what comes meanwhile must not be called final.
        let finalizedUntil = try archive.finalizedUntil(
            instance: fields[0].instance,
            feed: fields[0].feed
        )
        let end = query.range.upperBound
        var start = query.range.lowerBound
        var window = end - start
        var piece = try nextPiece(fields, start..<end, query, left)
        // A field that the feed never declared is not on its timeline.
        let onTimeline = fields.indices.filter { piece.fields[$0] != nil }
        let types = onTimeline.map { piece.columns[$0].type }
        guard !types.isEmpty else { return nil }
        let units = onTimeline.map { piece.fields[$0].flatMap(\.unit) }
        // The first look sees all of the range, so what it keeps apart is all that there is.
        notes += piece.apart.map { $0.note(in: fields[0].timeline) }
        let revision = piece.revision
        var gatherer = query.reduction.gatherer(types, in: query.range)
        while true {
            gatherer.add(
                piece.timestamps,
                zip(onTimeline, zip(types, units)).map { index, kind in
                    piece.fields[index].map { $0.unit == kind.1 } ?? true
                        ? piece.columns[index].converted(to: kind.0)
                        : Column(missing: kind.0, count: piece.timestamps.count)
                }
            )
            guard gatherer.valueCount <= left else { throw overAllowance }
            // What did not fit is looked for nearby, since the archive merges all that it is asked.
            let isCut = piece.end < min(end, start + window)
            window = isCut ? piece.end - start : window + window
            start = piece.end
            guard start < end else { break }
            try deadline.check()
            piece = try nextPiece(fields, start..<min(end, start + window), query, left)
        }
        left -= gatherer.valueCount
        let rows = gatherer.gathered()
        guard rows.contents.contains(where: \.hasValues) else { return nil }
        return TimelineAnswer(
            name: fields[0].timeline,
            timestamps: rows.timestamps,
            ends: rows.ends,
            fields: zip(zip(onTimeline, units), rows.contents).map { field, content in
                FieldAnswer(name: fields[field.0].description, content: content, unit: field.1)
            },
            finalizedUntil: finalizedUntil ?? query.range.lowerBound,
            revision: revision
        )
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

    private var overAllowance: QueryError {
        .limit(
            what: "values",
            found: nil,
            limit: allowance,
            advice: "ask for a shorter time, fewer fields, a larger min_stride, or max_points"
        )
    }
}

extension FieldAnswer.Content {
    /// Whether there is any sample.
    fileprivate var hasValues: Bool {
        switch self {
        case .samples(let column): column.hasValues
        case .buckets(let buckets): buckets.count.contains { $0 > 0 }
        }
    }
}

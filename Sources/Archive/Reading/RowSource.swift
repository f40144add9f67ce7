internal import ArchiveFormat
internal import Telemetry

/// Rows that a question may need, at the place where they stand.
indirect enum RowSource: Sendable {
    /// A group of a sealed file, whose path is relative to the archive.
    case group(SealedGroup, SealedTimeline, SealedFile, path: String)
    /// Encoded rows of an open segment.
    case chunk(OpenChunk, OpenTimeline)
    /// The newest rows of an open segment.
    case tail(OpenTimeline)
    /// Rows that only the journal has.
    case journal(OpenTimeline, ArchiveFile, limit: CursorTable?)

    /// The declaration of the rows.
    var feed: Feed {
        switch self {
        case .group(_, let timeline, _, _): timeline.feed
        case .chunk(_, let timeline), .tail(let timeline), .journal(let timeline, _, _):
            timeline.feed
        }
    }

    /// How many rows it has; of those in a journal, as many as are worth a thread.
    var rowCount: Int {
        switch self {
        case .group(let group, _, _, _): group.rows
        case .chunk(let chunk, _): chunk.span.rows
        case .tail(let timeline): timeline.tail.count
        case .journal: Limits.valuesForCores
        }
    }

    /// Whether it is encoded, and all of its rows are in `range`.
    func lies(in range: Range<Timestamp>) -> Bool {
        switch self {
        case .group(let group, _, _, _):
            group.rows > 0 && range.contains(group.first) && range.contains(group.last)
        case .chunk(let chunk, _):
            range.contains(chunk.span.first) && range.contains(chunk.span.last)
        case .tail, .journal: false
        }
    }

    /// The rows of a timeline of an open segment, in order of arrival, that may be in `range`.
    static func sources(
        _ timeline: OpenTimeline,
        _ segment: OpenSegment,
        in range: Range<Timestamp>
    ) -> [RowSource] {
        var sources: [RowSource] = []
        if timeline.forgotten.overlaps(range) {
            sources.append(.journal(timeline, segment.file, limit: segment.limit))
        }
        for chunk in timeline.chunks where chunk.span.overlaps(range) {
            sources.append(.chunk(chunk, timeline))
        }
        if OpenSpan(timeline.tail).overlaps(range) { sources.append(.tail(timeline)) }
        return sources
    }
}

extension ArchiveStore {
    /// The rows of some sources in `range`, with the columns of some fields; in order of arrival.
    ///
    /// What is encoded stays so where all of it is asked for.
    func pieces(
        _ sources: [RowSource],
        _ fields: [String],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        var places = FieldPlaces(fields)
        let wanted = sources.map { places.find(in: $0.feed) }
        let unread = sources.reduce(0) { $0 + ($1.lies(in: range) ? 0 : $1.rowCount) }
        return try Cores.map(sources.count, values: unread) {
            (index) throws(ArchiveError) -> [SlicePiece] in
            try pieces(of: sources[index], wanted[index], range)
        }.flatMap(\.self)
    }

    private func pieces(
        of source: RowSource,
        _ fields: [Int?],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        let piece: SlicePiece
        switch source {
        case .group(let group, _, _, _):
            piece = encoded(source, fields, from: group.first, to: group.last)
        case .chunk(let chunk, _):
            piece = encoded(source, fields, from: chunk.span.first, to: chunk.span.last)
        case .tail(let timeline):
            return [SlicePiece(timeline.tail, fields, range)].compactMap(\.self)
        case .journal(let timeline, let file, let limit):
            return try timeline.forgotten(in: directory, file, limit, fields, range)
        }
        if source.lies(in: range) { return [piece] }
        return [try piece.read(range)].compactMap(\.self)
    }

    private func encoded(
        _ source: RowSource,
        _ fields: [Int?],
        from first: Timestamp,
        to last: Timestamp
    ) -> SlicePiece {
        SlicePiece(
            source.feed,
            encoded: EncodedColumn(self, source, field: nil),
            from: first,
            to: last,
            columns: fields.map { field in
                field.map { field in
                    SlicePiece.Values(
                        field: source.feed.fields[field],
                        encoded: EncodedColumn(self, source, field: field)
                    )
                }
            }
        )
    }
}

/// Where fields stand in a declaration.
private struct FieldPlaces {
    private let names: [String]
    /// The last answer: mostly one declaration follows itself.
    private var known: (feed: Feed, places: [Int?])?

    init(_ names: [String]) {
        self.names = names
    }

    /// The place of each field; nil where it is not declared.
    mutating func find(in feed: Feed) -> [Int?] {
        if let known, known.feed == feed { return known.places }
        let all = Dictionary(
            feed.fields.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let places = names.map { all[$0] }
        known = (feed, places)
        return places
    }
}

extension SlicePiece {
    /// Some rows as they came, and the columns of some fields.
    init?(_ rows: RowCollector, _ fields: [Int?], _ range: Range<Timestamp>) {
        let arrived = rows.times
        let order = stableOrder(arrived)
        let times = order.map { $0.map { arrived[$0] } } ?? arrived
        self.init(rows.feed, times: times, range: range)
        columns = fields.map { field in
            field.map { field in
                let column = rows.column(field)
                return Values(
                    field: rows.feed.fields[field],
                    column: order.map { column.rows($0) } ?? column
                )
            }
        }
    }
}

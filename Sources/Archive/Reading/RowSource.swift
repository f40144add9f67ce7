internal import ArchiveFormat
internal import Telemetry

/// Rows that a question may need, at the place where they stand.
enum RowSource: Sendable {
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
    func pieces(
        _ sources: [RowSource],
        _ fields: [String],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        var places = FieldPlaces(fields)
        let wanted = sources.map { places.find(in: $0.feed) }
        let rows = sources.map(\.rowCount)
        // To hand work to another core takes long: once is enough where each has sources.
        guard sources.count < 2 * Limits.cores else {
            let count = rows.reduce(0, +) * (1 + fields.count)
            return try read(sources.count, values: count) {
                (index) throws(ArchiveError) -> [SlicePiece] in
                var pieces = try self.pieces(of: sources[index], wanted[index], range)
                for place in pieces.indices where pieces[place].columns.isEmpty {
                    pieces[place].columns = try wanted[index].map { (field) throws(ArchiveError) in
                        try field.flatMap { (field) throws(ArchiveError) in
                            try self.values(of: field, sources[index])
                        }
                    }
                }
                return pieces
            }.flatMap(\.self)
        }
        let found = try read(sources.count, values: rows.reduce(0, +)) {
            (index) throws(ArchiveError) in
            try self.pieces(of: sources[index], wanted[index], range).map { (index, $0) }
        }
        var pieces = found.flatMap(\.self)
        // Those that have no columns yet are encoded: all of them together, over the cores.
        let encoded = pieces.indices.filter { pieces[$0].1.columns.isEmpty }
        let count = fields.count
        let items = encoded.flatMap { place in
            wanted[pieces[place].0].map { (source: sources[pieces[place].0], field: $0) }
        }
        let valueCount = encoded.reduce(0) { $0 + count * rows[pieces[$1].0] }
        let values = try read(items.count, values: valueCount) { (item) throws(ArchiveError) in
            try items[item].field.flatMap { (field) throws(ArchiveError) in
                try self.values(of: field, items[item].source)
            }
        }
        for (item, place) in encoded.enumerated() {
            pieces[place].1.columns = Array(values[(item * count)..<((item + 1) * count)])
        }
        return pieces.map(\.1)
    }

    /// `body` of all indices, which reads so many values: on several cores if that is worth it.
    private func read<Element: Sendable>(
        _ count: Int,
        values: Int,
        _ body: @Sendable (Int) throws(ArchiveError) -> Element
    ) throws(ArchiveError) -> [Element] {
        guard values < Limits.valuesForCores else { return try Cores.map(count, body) }
        var elements: [Element] = []
        for index in 0..<count { elements.append(try body(index)) }
        return elements
    }

    /// The rows of one source, with their columns where those are there anyway.
    private func pieces(
        of source: RowSource,
        _ fields: [Int?],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        switch source {
        case .group(let group, let timeline, let file, let path):
            guard let times = times(of: group, timeline, file, path) else { return [] }
            return [SlicePiece(timeline.feed, times: times, range: range)].compactMap(\.self)
        case .chunk(let chunk, let timeline):
            let times = try column(OpenChunk.times, .int, of: chunk, timeline).integers
            return [SlicePiece(timeline.feed, times: times, range: range)].compactMap(\.self)
        case .tail(let timeline):
            return [SlicePiece(timeline.tail, fields, range)].compactMap(\.self)
        case .journal(let timeline, let file, let limit):
            return try timeline.forgotten(in: directory, file, limit, fields, range)
        }
    }

    /// The values of one field of a source that is encoded.
    private func values(
        of field: Int,
        _ source: RowSource
    ) throws(ArchiveError) -> SlicePiece.Values? {
        switch source {
        case .group(let group, let timeline, let file, let path):
            return SlicePiece.Values(
                field: timeline.feed.fields[field],
                column: values(of: field, in: group, timeline, file, path)
            )
        case .chunk(let chunk, let timeline):
            let declared = timeline.feed.fields[field]
            return SlicePiece.Values(
                field: declared,
                column: try column(OpenChunk.firstField + field, declared.type, of: chunk, timeline)
            )
        case .tail, .journal: return nil
        }
    }

    private func column(
        _ place: Int,
        _ type: FieldType,
        of chunk: OpenChunk,
        _ timeline: OpenTimeline
    ) throws(ArchiveError) -> Column {
        try cache.column(chunk.key(place)) { () throws(ArchiveError) -> Column in
            do throws(ChunkError) {
                return try chunk.column(place, type)
            } catch {
                throw .journal("rows of \(timeline.name) in memory: \(error)")
            }
        }
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

public import Archive
public import Telemetry

/// Fields of an archive in a range of time, written from beginning to end in bounded memory.
///
/// One table with a row for each time at which any of the fields has a sample, as the reader's
/// answers are: fields of one feed share their rows, and where feeds tick at different times, the
/// cells of the others are empty. What the archive gets meanwhile may be there or not.
public struct ArchiveExport {
    let store: ArchiveStore
    let columns: [ExportColumn]
    /// The timelines, each with the places of its columns.
    let timelines: [(instance: String, feed: String, columns: [Int])]
    private let asked: Range<Timestamp>
    /// From the first sample to the last one, at most what was asked for.
    public let range: Range<Timestamp>
    /// The fields, in the order of the columns.
    public var fields: [FieldName] { columns.map(\.name) }

    /// An export of the fields that fit `patterns`: full names, `instance`, `instance.feed`, or
    /// anything with `*`.
    ///
    /// - Throws: ``ExportError/unknownFields(_:)`` for patterns without a sample in the range.
    public init(
        _ store: ArchiveStore,
        fields patterns: [String],
        range: Range<Timestamp>
    ) throws {
        self.store = store
        asked = range
        let known = try store.fields(in: range)
        let names = try Self.names(patterns, among: known.map(\.name))
        let wanted = Set(names)
        let summaries = known.filter { wanted.contains($0.name) }
        let first = summaries.map(\.first).min() ?? range.lowerBound
        let last = summaries.map(\.last).max() ?? range.lowerBound
        let start = max(range.lowerBound, first)
        self.range = start..<max(start, min(range.upperBound, last + .nanoseconds(1)))
        var places: [String: Int] = [:]
        var timelines: [(instance: String, feed: String, columns: [Int])] = []
        for (column, name) in names.enumerated() {
            let place = places[name.timeline] ?? timelines.count
            if place == timelines.count { timelines.append((name.instance, name.feed, [])) }
            places[name.timeline] = place
            timelines[place].columns.append(column)
        }
        var fields = names.map { name in summaries.first { $0.name == name }?.field }
        for timeline in timelines {
            let declared = try store.declarations(
                instance: timeline.instance,
                feed: timeline.feed,
                fields: timeline.columns.map { names[$0].field },
                range: range
            )
            for (column, field) in zip(timeline.columns, declared) {
                fields[column] = field ?? fields[column]
            }
        }
        columns = zip(names, fields).map { name, field in
            ExportColumn(name: name, field: field ?? Field(name.field))
        }
        self.timelines = timelines
    }

    /// Writes all of it.
    ///
    /// - Parameters:
    ///   - format: in which form.
    ///   - times: how CSV and NDJSON write times; Arrow has integers of nanoseconds.
    ///   - about: what the metadata of Arrow says about the whole, such as the site.
    ///   - progress: called with the rows of timelines that were read, and those that there are.
    ///   - isStopped: whether to end early, asked a few times a second.
    ///   - sink: takes the bytes in order.
    /// - Returns: what was written, and what is missing.
    /// - Throws: ``ExportError/stopped``, `ArchiveError`, and what `sink` throws.
    public func write(
        _ format: ExportFormat,
        times: TimeForm = .iso,
        about: [String: Value] = [:],
        progress: (Int64, Int64) -> Void = { _, _ in },
        isStopped: () -> Bool = { false },
        to sink: ([UInt8]) throws -> Void
    ) throws -> ExportSummary {
        let encoder = format.encoder(times)
        let head = ExportHead(columns: columns, about: about, ledger: try ledger())
        var summary = ExportSummary()
        try sink(encoder.begin(head))
        var apart = ExportNotes()
        let all = try count(range).rows
        var done: Int64 = 0
        try forEachWindow { window, rows in
            guard !isStopped() else { throw ExportError.stopped }
            let table = try table(window, &apart)
            var merger = table.merger()
            while merger.nextRow() != nil { summary.rows += 1 }
            if !table.times.allSatisfy(\.isEmpty) { try encoder.encode(table, sink) }
            done += rows
            progress(done, all)
        }
        summary.ledger = try ledger()
        summary.notes = apart.notes
        try sink(encoder.end(head, summary))
        return summary
    }

    /// What is known to be missing or doubtful of the timelines.
    func ledger() throws -> LedgerAnswer {
        let names = Set(timelines.map { "\($0.instance).\($0.feed)" })
        return LedgerAnswer(try store.gaps(in: asked).filter { $0.concerns(names) })
    }

    /// Rows of the timelines in a window, and values of the fields in them.
    func count(_ window: Range<Timestamp>) throws -> (rows: Int64, values: Int64) {
        guard !window.isEmpty else { return (0, 0) }
        let widths = Dictionary(
            timelines.map { ("\($0.instance).\($0.feed)", Int64($0.columns.count)) }
        ) { $1 }
        let counts = try store.rowCounts(between: [window.lowerBound, window.upperBound]) {
            widths[$0] != nil
        }
        var (rows, values): (Int64, Int64) = (0, 0)
        for count in counts {
            let found = count.rows.reduce(0, +)
            rows += found
            values += found * (1 + (widths[count.timeline] ?? 1))
        }
        return (rows, values)
    }

    /// Calls `body` with windows that cover the range, each with rows for ``Limits/exportValues``.
    private func forEachWindow(_ body: (Range<Timestamp>, Int64) throws -> Void) throws {
        var start = range.lowerBound
        var width: Int64 = 3_600_000_000_000
        while start < range.upperBound {
            let left = (range.upperBound - start).nanoseconds
            let end = left <= width ? range.upperBound : start + .nanoseconds(width)
            let (rows, values) = try count(start..<end)
            // Rows of one nanosecond stay together, whatever they take.
            if values > ReaderLimits.exportValues, width > 1 {
                width = max(1, min(width, left) / 2)
                continue
            }
            if rows > 0 { try body(start..<end, rows) }
            start = end
            if values < ReaderLimits.exportValues / 4 {
                width = width > Int64.max / 2 ? width : width * 2
            }
        }
    }

    private func table(
        _ window: Range<Timestamp>,
        _ notes: inout ExportNotes
    ) throws -> SampleTable {
        var times: [[Timestamp]] = []
        var found: [Column?] = columns.map { _ in nil }
        var places: [Int] = columns.map { _ in 0 }
        for (index, timeline) in timelines.enumerated() {
            let slice = try store.timeline(
                instance: timeline.instance,
                feed: timeline.feed,
                fields: timeline.columns.map { columns[$0].name.field },
                range: window
            )
            times.append(slice.timestamps)
            for part in slice.apart { notes.add(part, timeline.instance, timeline.feed) }
            for (place, column) in timeline.columns.enumerated() {
                places[column] = index
                found[column] = notes.fitting(
                    slice.columns[place],
                    declared: slice.fields[place],
                    as: columns[column],
                    slice.timestamps
                )
            }
        }
        return SampleTable(
            times: times,
            ends: times.map { _ in nil },
            columns: columns.indices.map { index in
                SampleTable.Column(
                    timeline: places[index],
                    name: columns[index].name.description,
                    unit: columns[index].field.unit,
                    column: found[index] ?? Column(missing: columns[index].field.type, count: 0)
                )
            }
        )
    }

    private static func names(
        _ patterns: [String],
        among known: [FieldName]
    ) throws(ExportError) -> [FieldName] {
        let texts = known.map(\.description)
        var names: [FieldName] = []
        var seen: Set<FieldName> = []
        var unknown: [String] = []
        for pattern in patterns {
            let wanted = FieldPattern(pattern).widened
            let fitting = known.indices.filter { wanted.matches(texts[$0]) }.map { known[$0] }
            if fitting.isEmpty {
                unknown.append(
                    UnknownName.sentence(pattern, among: known, during: " in that time")
                )
            }
            names += fitting.filter { seen.insert($0).inserted }
        }
        guard unknown.isEmpty else { throw .unknownFields(unknown) }
        guard names.count <= ReaderLimits.exportFields else { throw .tooManyFields(names.count) }
        return names
    }
}

/// Why nothing, or not all, was exported.
public enum ExportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Patterns that no field with samples fits, a sentence each.
    case unknownFields([String])
    /// More fields than a table may have columns.
    case tooManyFields(Int)
    /// Somebody asked for an end.
    case stopped

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .unknownFields(let sentences): sentences.joined(separator: "\n")
        case .tooManyFields(let count):
            "\(count) fields are more than the \(ReaderLimits.exportFields) columns that a table "
                + "may have: export fewer at a time"
        case .stopped: "stopped before the end"
        }
    }
}

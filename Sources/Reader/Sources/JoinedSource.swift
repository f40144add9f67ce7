internal import Archive
internal import Synchronization
internal import Telemetry

/// Several archives as one: of a timeline the first that has samples at a time answers for it.
final class JoinedSource: SampleSource {
    private struct Declarations {
        var fields: [FieldName: Field] = [:]
        var asOf: Timestamp?
    }

    private let sources: [any SampleSource]
    private let time: any TimeSource
    private let declarations = Mutex(Declarations())

    func close() { for source in sources { source.close() } }

    /// The archives in the order in which they answer; at least one, which is Cerro's own.
    init(_ sources: [any SampleSource], time: any TimeSource) {
        self.sources = sources
        self.time = time
    }

    func refresh() throws(QueryError) {
        for source in sources { try source.refresh() }
    }

    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] {
        var summaries: [FieldName: FieldSummary] = [:]
        for source in sources {
            for summary in try source.fields(in: range) {
                guard let first = summaries[summary.name] else {
                    summaries[summary.name] = summary
                    continue
                }
                summaries[summary.name] = first.joined(with: summary)
            }
        }
        return summaries.values.sorted { $0.name < $1.name }
    }

    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice {
        var slices: [TimelineSlice] = []
        for source in sources {
            slices.append(try source.slice(of: fields, in: range, limit: limit))
        }
        guard slices.dropFirst().contains(where: { !$0.timestamps.isEmpty }) else {
            return slices[0]
        }
        let seam = ReaderLimits.seam
        let edges = [
            range.lowerBound - seam..<range.lowerBound, range.upperBound..<range.upperBound + seam,
        ]
        var near: [[Timestamp]] = []
        for source in sources {
            var times: [Timestamp] = []
            for edge in edges where !edge.isEmpty {
                let limit = ReaderLimits.seamRows
                times += try source.slice(of: fields, in: edge, limit: limit).timestamps
            }
            near.append(times)
        }
        // Of all time, so that the pieces of one answer agree.
        let known = try declared()
        let joint = fields.indices.map { index in
            slices.contains { $0.fields[index] != nil } ? known[fields[index]] : nil
        }
        let holding = slices.indices.filter { !slices[$0].timestamps.isEmpty || !near[$0].isEmpty }
        if holding.count == 1, slices[holding[0]].fields.map(\.?.type) == joint.map(\.?.type) {
            slices[holding[0]].fields = joint
            return slices[holding[0]]
        }
        return TimelineSlice.joined(slices, near: near, as: joint, seam: seam, limit: limit)
    }

    /// From roll-ups where only Cerro's own archive has samples nearby; else from all samples.
    func buckets(
        of fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets? {
        let seam = ReaderLimits.seam
        let around = grid.range.lowerBound - seam..<grid.range.upperBound + seam
        for source in sources.dropFirst() {
            let found = try source.slice(of: fields, in: around, limit: 1)
            guard found.timestamps.isEmpty else {
                return try reduced(fields, on: grid, limit: limit, deadline)
            }
        }
        return try sources[0].buckets(of: fields, on: grid, limit: limit, deadline)
    }

    /// The least of those that are still written to: older ones will not change.
    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? {
        var instants: [Timestamp] = []
        for source in sources {
            if let instant = try source.finalizedUntil(instance: instance, feed: feed) {
                instants.append(instant)
            }
        }
        guard let newest = instants.max() else { return nil }
        return instants.filter { $0 > newest - ReaderLimits.endedArchive }.min()
    }

    /// Those of the first archive that has rows between two edges.
    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts] {
        var counts: [String: RowCounts] = [:]
        for source in sources {
            for count in try source.rowCounts(between: edges, of: isWanted) {
                guard var first = counts[count.timeline] else {
                    counts[count.timeline] = count
                    continue
                }
                first.rows = zip(first.rows, count.rows).map { $0 > 0 ? $0 : $1 }
                counts[count.timeline] = first
            }
        }
        return counts.values.sorted { $0.timeline < $1.timeline }
    }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] {
        var rows: [LedgerEntry] = []
        for source in sources { rows += try source.gaps(in: range) }
        return rows.sorted { ($0.from, $0.to, $0.instance) < ($1.from, $1.to, $1.instance) }
    }

    func status() throws(QueryError) -> ArchiveStatus? { try sources[0].status() }

    func damagedFiles() throws(QueryError) -> Int { try sources[0].damagedFiles() }

    /// What each field is in all archives together; looked up once in a while.
    private func declared() throws(QueryError) -> [FieldName: Field] {
        let now = time.now
        let known = declarations.withLock { known in
            known.asOf.map { now - $0 < ReaderLimits.declarationPeriod } == true
                ? known.fields : nil
        }
        if let known { return known }
        let all = try fields(in: Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max))
        let fields = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.field) })
        declarations.withLock { $0 = Declarations(fields: fields, asOf: now) }
        return fields
    }
}

extension FieldSummary {
    /// The field in both archives: as the first one declares it, as a double if one is.
    fileprivate func joined(with other: FieldSummary) -> FieldSummary {
        var joined = self
        joined.first = min(first, other.first)
        joined.last = max(last, other.last)
        joined.count += other.count
        if field.type == .int, other.field.type == .double {
            joined.field = Field(
                field.name,
                .double,
                unit: field.unit,
                description: field.description,
                limits: field.limits
            )
        }
        return joined
    }
}

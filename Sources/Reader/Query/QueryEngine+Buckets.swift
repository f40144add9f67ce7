internal import Archive
internal import Telemetry

extension QueryEngine {
    /// The buckets of one timeline, nil if none of its fields has a sample in the range.
    func reduced(
        _ fields: [FieldName],
        _ range: Range<Timestamp>,
        _ count: Int,
        _ left: inout Int,
        _ answer: inout DataAnswer,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineAnswer? {
        let found = try archive.buckets(
            of: fields,
            on: BucketGrid(range, count: count),
            limit: left / BucketColumns.most,
            deadline
        )
        guard let found else { throw overAllowance }
        answer.notes += found.apart.map { $0.note(in: fields[0].timeline) }
        guard !found.ranges.isEmpty else { return nil }
        // A field that the feed never declared is not on its timeline.
        let parts = fields.indices.compactMap { index -> FieldAnswer? in
            guard let columns = found.columns[index] else { return nil }
            return FieldAnswer(
                name: fields[index].description,
                content: .buckets(columns),
                unit: found.fields[index]?.unit
            )
        }
        left -= found.ranges.count * parts.count * BucketColumns.most
        answer.tier = max(answer.tier, found.tier)
        return TimelineAnswer(
            name: fields[0].timeline,
            timestamps: found.ranges.map(\.lowerBound),
            ends: found.ranges.map(\.upperBound),
            fields: parts,
            finalizedUntil: range.lowerBound,
            revision: found.revision
        )
    }
}

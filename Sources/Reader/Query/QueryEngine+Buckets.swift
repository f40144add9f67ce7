internal import Archive
internal import Telemetry

extension QueryEngine {
    /// The buckets of fields of one timeline.
    func reduced(
        _ fields: [FieldName],
        _ range: Range<Timestamp>,
        _ count: Int,
        _ left: Allowance,
        _ deadline: Deadline
    ) throws(QueryError) -> Part {
        let found = try archive.buckets(
            of: fields,
            on: BucketGrid(range, count: count),
            limit: left.values / BucketColumns.most,
            deadline
        )
        guard let found else { throw overAllowance }
        var part = Part(notes: found.apart.map { $0.note(in: fields[0].timeline) })
        guard !found.ranges.isEmpty else { return part }
        // A field that the feed never declared is not on its timeline.
        let answers = fields.indices.compactMap { index -> FieldAnswer? in
            guard let columns = found.columns[index] else { return nil }
            return FieldAnswer(
                name: fields[index].description,
                content: .buckets(columns),
                unit: found.fields[index]?.unit
            )
        }
        guard left.take(found.ranges.count * answers.count * BucketColumns.most) else {
            throw overAllowance
        }
        part.tier = found.tier
        part.timeline = TimelineAnswer(
            name: fields[0].timeline,
            timestamps: found.ranges.map(\.lowerBound),
            ends: found.ranges.map(\.upperBound),
            fields: answers,
            finalizedUntil: range.lowerBound,
            revision: found.revision
        )
        return part
    }
}

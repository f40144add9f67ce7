internal import Archive
internal import Telemetry

/// Values that do not stand in the columns of an export, since they were declared otherwise.
struct ExportNotes {
    private var apart: [(timeline: String, values: KeptApart)] = []

    /// A sentence for each declaration.
    var notes: [String] { apart.map { $0.values.note(in: $0.timeline) } }

    /// Counts values that the archive itself keeps apart.
    mutating func add(_ part: KeptApart, _ instance: String, _ feed: String) {
        let timeline = "\(instance).\(feed)"
        guard
            let index = apart.firstIndex(where: {
                $0.timeline == timeline && $0.values.field == part.field
            })
        else {
            apart.append((timeline, part))
            return
        }
        apart[index].values.first = min(apart[index].values.first, part.first)
        apart[index].values.last = max(apart[index].values.last, part.last)
        apart[index].values.count += part.count
    }

    /// The values of a piece as the whole export declares them; missing where they do not fit.
    mutating func fitting(
        _ values: Column,
        declared: Field?,
        as column: ExportColumn,
        _ times: [Timestamp]
    ) -> Column {
        let type = column.field.type
        guard let declared else { return Column(missing: type, count: values.count) }
        let isPromoted = declared.type == .int && type == .double
        if declared.unit == column.field.unit, declared.type == type || isPromoted {
            return values.converted(to: type)
        }
        let present = times.indices.filter(values.isPresent)
        if let first = present.first, let last = present.last {
            let part = KeptApart(
                field: declared,
                first: times[first],
                last: times[last],
                count: present.count
            )
            add(part, column.name.instance, column.name.feed)
        }
        return Column(missing: type, count: values.count)
    }
}

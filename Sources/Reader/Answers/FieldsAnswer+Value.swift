internal import Telemetry

extension FieldsAnswer {
    /// The two maps of sisock's `get_fields`; `value_type` tells integers from doubles.
    var value: Value {
        var described: [String: Value] = [:]
        for field in fields {
            described[field.name.description] = [
                "description": field.description.isEmpty ? .null : .string(field.description),
                "timeline": .string(field.name.timeline),
                "type": .string(field.type.sisockName),
                "value_type": .string(field.type.rawValue),
                "units": .optional(field.unit?.rawValue),
                "last": .timestamp(field.last),
            ]
        }
        var intervals: [String: Value] = [:]
        for timeline in timelines {
            intervals[timeline.name] = [
                "interval": timeline.interval.map { .double($0) } ?? .null,
                "field": .array(timeline.fields.map { .string($0.description) }),
            ]
        }
        return [
            "fields": .map(described), "timelines": .map(intervals),
            "notes": .array(notes.map { .string($0) }),
        ]
    }
}

extension FieldType {
    /// The type by the three names of sisock.
    fileprivate var sisockName: String {
        switch self {
        case .double, .int: "number"
        case .bool: "bool"
        case .string: "string"
        }
    }
}

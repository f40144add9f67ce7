internal import Telemetry

extension Field {
    /// The newest of some declarations, as a double if any was and none is anything but a number.
    init?(inForceOf fields: [Field]) {
        guard let newest = fields.last else { return nil }
        guard newest.type == .int,
            fields.contains(where: { $0.type == .double && $0.unit == newest.unit })
        else {
            self = newest
            return
        }
        self.init(
            newest.name,
            .double,
            unit: newest.unit,
            description: newest.description,
            limits: newest.limits
        )
    }

    /// Whether values declared so stand in one column with those of `other`.
    func stands(with other: Field) -> Bool {
        unit == other.unit && (type == other.type || type == .int && other.type == .double)
    }
}

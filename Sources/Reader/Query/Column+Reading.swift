internal import Telemetry

extension Column {
    /// A column without rows.
    init(empty type: FieldType) {
        switch type {
        case .double: self.init(.doubles([]))
        case .int: self.init(.ints([]))
        case .bool: self.init(.bools([]))
        case .string: self.init(.strings([]))
        }
    }

    /// A column of `count` missing values.
    init(missing type: FieldType, count: Int) {
        let presence = Array(repeating: false, count: count)
        switch type {
        case .double: self.init(.doubles(Array(repeating: 0, count: count)), presence: presence)
        case .int: self.init(.ints(Array(repeating: 0, count: count)), presence: presence)
        case .bool: self.init(.bools(Array(repeating: false, count: count)), presence: presence)
        case .string: self.init(.strings(Array(repeating: "", count: count)), presence: presence)
        }
    }

    /// Whether any row has a value.
    var hasValues: Bool { presence.map { $0.contains(true) } ?? (count > 0) }

    /// The column as `type`: integers become doubles, what has another type is missing.
    func converted(to type: FieldType) -> Column {
        if self.type == type { return self }
        if type == .double, case .ints(let values) = values {
            return Column(.doubles(values.map(Double.init)), presence: presence)
        }
        return Column(missing: type, count: count)
    }

    /// Adds the rows of a column of the same type.
    mutating func append(_ other: Column) {
        if presence != nil || other.presence != nil {
            var flags = presence ?? Array(repeating: true, count: count)
            flags += other.presence ?? Array(repeating: true, count: other.count)
            presence = flags
        }
        switch (values, other.values) {
        case (.doubles(var mine), .doubles(let theirs)):
            values = .doubles([])
            mine += theirs
            values = .doubles(mine)
        case (.ints(var mine), .ints(let theirs)):
            values = .ints([])
            mine += theirs
            values = .ints(mine)
        case (.bools(var mine), .bools(let theirs)):
            values = .bools([])
            mine += theirs
            values = .bools(mine)
        case (.strings(var mine), .strings(let theirs)):
            values = .strings([])
            mine += theirs
            values = .strings(mine)
        default:
            preconditionFailure("columns are converted to the type of the answer before")
        }
    }

    /// The rows `rows`, in that order.
    func picked(_ rows: [Int]) -> Column {
        let picked: Values =
            switch values {
            case .doubles(let values): .doubles(rows.map { values[$0] })
            case .ints(let values): .ints(rows.map { values[$0] })
            case .bools(let values): .bools(rows.map { values[$0] })
            case .strings(let values): .strings(rows.map { values[$0] })
            }
        return Column(picked, presence: presence.map { flags in rows.map { flags[$0] } })
    }
}

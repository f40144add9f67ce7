public import Telemetry

/// Memory for the values of a column, which nobody has initialized yet.
public enum ColumnSpace {
    case doubles(UnsafeMutableBufferPointer<Double>)
    case ints(UnsafeMutableBufferPointer<Int64>)
    case bools(UnsafeMutableBufferPointer<Bool>)
    case strings(UnsafeMutableBufferPointer<String>)

    /// How many values there is room for.
    public var count: Int {
        switch self {
        case .doubles(let values): values.count
        case .ints(let values): values.count
        case .bools(let values): values.count
        case .strings(let values): values.count
        }
    }

    /// The type of the values.
    public var type: FieldType {
        switch self {
        case .doubles: .double
        case .ints: .int
        case .bools: .bool
        case .strings: .string
        }
    }
}

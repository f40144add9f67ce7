extension Column {
    /// The value in a row, null where it is missing.
    public func value(at row: Int) -> Value {
        guard isPresent(row) else { return .null }
        return switch values {
        case .doubles(let values): .double(values[row])
        case .ints(let values): .int(values[row])
        case .bools(let values): .bool(values[row])
        case .strings(let values): .string(values[row])
        }
    }
}

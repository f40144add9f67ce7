public import Telemetry

/// A column of an Arrow stream: its name, what its values are, and what people should know.
public struct ArrowField: Sendable {
    /// What the values of a column are.
    public enum Kind: Hashable, Sendable {
        /// Instants, `timestamp[ns, tz=UTC]`; none is missing.
        case instants
        /// Values of a field: `double`, `int64`, `bool` or `utf8`, of which some may be missing.
        case values(FieldType)
    }

    /// The name.
    public var name: String
    /// What the values are.
    public var kind: Kind
    /// Texts about the column, such as `unit` and `description`.
    public var metadata: [(key: String, value: String)]

    /// A column.
    public init(_ name: String, _ kind: Kind, metadata: [(key: String, value: String)] = []) {
        self.name = name
        self.kind = kind
        self.metadata = metadata
    }
}

/// The values of a column in one batch.
public enum ArrowColumn: Sendable {
    /// Nanoseconds since 1970.
    case instants([Int64])
    /// Values, of which some may be missing.
    case values(Column)

    /// How many they are.
    var count: Int {
        switch self {
        case .instants(let instants): instants.count
        case .values(let column): column.count
        }
    }
}

/// The values of one field in a block; a missing value is missing, never a zero.
public struct Column: Hashable, Sendable {
    /// N values of one type.
    public enum Values: Hashable, Sendable {
        case doubles([Double])
        case ints([Int64])
        case bools([Bool])
        case strings([String])
    }

    /// N values; where `presence` is false the entry means nothing.
    public var values: Values
    /// N flags, true where a value is there; nil when all are.
    public var presence: [Bool]?

    /// A column of `values`, of which those with a false `presence` are missing.
    public init(_ values: Values, presence: [Bool]? = nil) {
        self.values = values
        self.presence = presence
    }

    /// A column in which nothing is missing.
    public static func doubles(_ values: [Double]) -> Column { Column(.doubles(values)) }
    /// A column in which nothing is missing.
    public static func ints(_ values: [Int64]) -> Column { Column(.ints(values)) }
    /// A column in which nothing is missing.
    public static func bools(_ values: [Bool]) -> Column { Column(.bools(values)) }
    /// A column in which nothing is missing.
    public static func strings(_ values: [String]) -> Column { Column(.strings(values)) }

    /// A column of doubles in which nil is missing.
    public static func doubles(_ values: [Double?]) -> Column {
        Column(.doubles(values.map { $0 ?? 0 }), presence: Self.presence(of: values))
    }

    /// A column of integers in which nil is missing.
    public static func ints(_ values: [Int64?]) -> Column {
        Column(.ints(values.map { $0 ?? 0 }), presence: Self.presence(of: values))
    }

    /// A column of booleans in which nil is missing.
    public static func bools(_ values: [Bool?]) -> Column {
        Column(.bools(values.map { $0 ?? false }), presence: Self.presence(of: values))
    }

    /// A column of texts in which nil is missing.
    public static func strings(_ values: [String?]) -> Column {
        Column(.strings(values.map { $0 ?? "" }), presence: Self.presence(of: values))
    }

    private static func presence<Element>(of values: [Element?]) -> [Bool]? {
        let flags = values.map { $0 != nil }
        return flags.allSatisfy(\.self) ? nil : flags
    }

    /// N.
    public var count: Int {
        switch values {
        case .doubles(let values): values.count
        case .ints(let values): values.count
        case .bools(let values): values.count
        case .strings(let values): values.count
        }
    }

    /// The type of the values.
    public var type: FieldType {
        switch values {
        case .doubles: .double
        case .ints: .int
        case .bools: .bool
        case .strings: .string
        }
    }

    /// Whether row `row` has a value.
    public func isPresent(_ row: Int) -> Bool { presence?[row] ?? true }
}

/// Co-sampled rows of one feed: N timestamps and, for each field, a column of N values.
public struct Block: Hashable, Sendable {
    /// N timestamps, in the order in which the samples were taken.
    public var timestamps: [Timestamp]
    /// One column a field, in declared order, each of N values.
    public var columns: [Column]

    /// A block; ``checked(for:)`` tells whether it fits its feed.
    public init(timestamps: [Timestamp], columns: [Column]) {
        self.timestamps = timestamps
        self.columns = columns
    }

    /// The most rows of one block: a record has to stay far below a batch of 1 MiB.
    public static let mostRows = 65_536

    /// The block as the feed declares it, or why it does not fit.
    ///
    /// Integers in a field declared `double` are promoted, since every instrument prints `4` for
    /// 4.0 one day; an integer beyond 2^53, which a double cannot hold, is refused.
    public func checked(for feed: Feed) throws(TelemetryError) -> Block {
        guard columns.count == feed.fields.count else {
            throw .columnCount(feed: feed.name, found: columns.count, expected: feed.fields.count)
        }
        guard (1...Self.mostRows).contains(timestamps.count) else {
            throw .rowCount(feed: feed.name, timestamps.count)
        }
        for timestamp in timestamps where !Timestamp.publishable.contains(timestamp) {
            throw .timestampOutOfRange(feed: feed.name, timestamp)
        }
        var checked = self
        // By index: a copy of a field or a column costs more than all of its checks.
        for index in columns.indices {
            guard columns[index].count == timestamps.count,
                columns[index].presence.map({ $0.count == timestamps.count }) ?? true
            else {
                throw .columnLength(
                    feed: feed.name,
                    field: feed.fields[index].name,
                    found: columns[index].count,
                    expected: timestamps.count
                )
            }
            guard columns[index].type != feed.fields[index].type else { continue }
            let field = feed.fields[index]
            let column = columns[index]
            guard field.type == .double, case .ints(let values) = column.values,
                values.allSatisfy({ Int64(exactly: Double($0)) == $0 })
            else {
                throw .columnType(
                    feed: feed.name,
                    field: field.name,
                    found: column.type,
                    expected: field.type
                )
            }
            checked.columns[index].values = .doubles(values.map(Double.init))
        }
        return checked
    }
}

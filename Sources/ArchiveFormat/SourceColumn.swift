public import Telemetry

/// A column as it is sealed: texts as runs, others as they are.
public struct SourceColumn: Sendable {
    /// N values of one type.
    enum Values: Sendable {
        case doubles([Double])
        case ints([Int64])
        case bools([Bool])
        case texts(TextRuns)
    }

    let values: Values
    /// N flags, true where a value is there; nil when all are.
    let presence: [Bool]?

    /// Texts of which it is known where another one begins.
    public init(_ texts: TextRuns, presence: [Bool]?) {
        values = .texts(texts)
        self.presence = presence
    }

    /// The same values as those of a column.
    public init(_ column: Column) {
        values =
            switch column.values {
            case .doubles(let values): .doubles(values)
            case .ints(let values): .ints(values)
            case .bools(let values): .bools(values)
            case .strings(let values): .texts(TextRuns(values))
            }
        presence = column.presence
    }

    /// N.
    var count: Int {
        switch values {
        case .doubles(let values): values.count
        case .ints(let values): values.count
        case .bools(let values): values.count
        case .texts(let runs): runs.count
        }
    }

    /// The type of the values.
    var type: FieldType {
        switch values {
        case .doubles: .double
        case .ints: .int
        case .bools: .bool
        case .texts: .string
        }
    }

    /// The same as a column that has each text.
    var column: Column {
        switch values {
        case .doubles(let values): Column(.doubles(values), presence: presence)
        case .ints(let values): Column(.ints(values), presence: presence)
        case .bools(let values): Column(.bools(values), presence: presence)
        case .texts(let runs): Column(.strings(runs.texts), presence: presence)
        }
    }

    /// The rows `rows`, in that order.
    func rows(_ rows: some Collection<Int>) -> SourceColumn { SourceColumn(column.rows(rows)) }
}

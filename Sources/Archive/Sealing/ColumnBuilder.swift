internal import ArchiveFormat
internal import Telemetry

/// A column that grows; missing values cost a map only once there is one.
struct ColumnBuilder {
    let type: FieldType
    private(set) var count = 0
    private var doubles: [Double] = []
    private var ints: [Int64] = []
    private var bools: [Bool] = []
    private var strings: [String] = []
    private var presence: [Bool]?

    init(_ type: FieldType) {
        self.type = type
    }

    /// Makes room for so many rows.
    mutating func reserveCapacity(_ rows: Int) {
        switch type {
        case .double: doubles.reserveCapacity(rows)
        case .int: ints.reserveCapacity(rows)
        case .bool: bools.reserveCapacity(rows)
        case .string: strings.reserveCapacity(rows)
        }
    }

    /// Makes room for more rows: see the same of an array.
    private mutating func makeRoom(for rows: Int) {
        switch type {
        case .double: doubles.makeRoom(for: rows)
        case .int: ints.makeRoom(for: rows)
        case .bool: bools.makeRoom(for: rows)
        case .string: strings.makeRoom(for: rows)
        }
    }

    /// What was appended.
    var column: Column {
        switch type {
        case .double: Column(.doubles(doubles), presence: presence)
        case .int: Column(.ints(ints), presence: presence)
        case .bool: Column(.bools(bools), presence: presence)
        case .string: Column(.strings(strings), presence: presence)
        }
    }

    /// Appends some rows of a column of the same type, or of integers to doubles; of any other
    /// type they are missing.
    mutating func append(_ column: Column, rows: Range<Int>) {
        makeRoom(for: rows.count)
        switch (type, column.values) {
        case (.double, .doubles(let values)): doubles.append(contentsOf: values[rows])
        case (.double, .ints(let values)):
            doubles.append(contentsOf: values[rows].lazy.map(Double.init))
        case (.int, .ints(let values)): ints.append(contentsOf: values[rows])
        case (.bool, .bools(let values)): bools.append(contentsOf: values[rows])
        case (.string, .strings(let values)): strings += values[rows]
        default: return appendMissing(rows.count)
        }
        if let flags = column.presence {
            if presence == nil { presence = Array(repeating: true, count: count) }
            presence?.append(contentsOf: flags[rows])
        } else {
            presence?.append(contentsOf: repeatElement(true, count: rows.count))
        }
        count += rows.count
    }

    /// Appends rows without a value.
    mutating func appendMissing(_ rows: Int) {
        guard rows > 0 else { return }
        if presence == nil { presence = Array(repeating: true, count: count) }
        presence?.append(contentsOf: repeatElement(false, count: rows))
        makeRoom(for: rows)
        switch type {
        case .double: doubles.append(contentsOf: repeatElement(0, count: rows))
        case .int: ints.append(contentsOf: repeatElement(0, count: rows))
        case .bool: bools.append(contentsOf: repeatElement(false, count: rows))
        case .string: strings.append(contentsOf: repeatElement("", count: rows))
        }
        count += rows
    }
}

extension Array {
    /// Makes room for more elements, a quarter more than there are: twice as many, as arrays do by
    /// themselves, would be half of a sealer's memory.
    @inline(__always)
    mutating func makeRoom(for more: Int) {
        guard capacity - count < more else { return }
        reserveCapacity(count + Swift.max(more, count / 4, 16))
    }
}

extension Column {
    /// The bytes that it takes in memory, about.
    var byteCount: Int {
        let flags = presence?.count ?? 0
        switch values {
        case .doubles(let values): return flags + values.count * 8
        case .ints(let values): return flags + values.count * 8
        case .bools(let values): return flags + values.count
        case .strings(let values):
            return values.reduce(flags) { $0 + 16 + ($1.utf8.count > 15 ? $1.utf8.count + 32 : 0) }
        }
    }
}

/// The order that sorts `times`, equal ones as they stand; nil if they are sorted already.
func stableOrder(_ times: [Int64]) -> [Int]? {
    var last = Int64.min
    var isSorted = true
    for time in times {
        if time < last {
            isSorted = false
            break
        }
        last = time
    }
    guard !isSorted else { return nil }
    return times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
}

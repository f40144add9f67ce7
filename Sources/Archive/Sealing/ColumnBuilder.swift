internal import ArchiveFormat
internal import Telemetry

/// A column that grows; missing values cost a map only once there is one.
struct ColumnBuilder {
    let type: FieldType
    private(set) var count = 0
    private var doubles = GrowingValues<Double>()
    private var ints = GrowingValues<Int64>()
    private var bools = GrowingValues<Bool>()
    private var strings: [String] = []
    private var presence: [Bool]?
    private var lastText = ""

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

    /// What was appended.
    var column: Column {
        switch type {
        case .double: Column(.doubles(doubles.array), presence: presence)
        case .int: Column(.ints(ints.array), presence: presence)
        case .bool: Column(.bools(bools.array), presence: presence)
        case .string: Column(.strings(strings), presence: presence)
        }
    }

    /// Appends some rows of a column of the same type, or of integers to doubles; of any other
    /// type they are missing.
    mutating func append(_ column: Column, rows: Range<Int>) {
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

    /// Appends the next column of a block if it has a number in each row, as most have.
    @inline(__always)
    mutating func appendPlain(from reader: inout RowReader, rows: Int) -> Bool {
        guard presence == nil else { return false }
        switch type {
        case .double:
            guard let values = reader.plain(width: 8) else { return false }
            doubles.append(UnsafeRawBufferPointer(start: values, count: 8 * rows), rows: rows)
        case .int:
            guard let values = reader.plain(width: 8) else { return false }
            ints.append(UnsafeRawBufferPointer(start: values, count: 8 * rows), rows: rows)
        case .bool, .string: return false
        }
        count += rows
        return true
    }

    /// Appends all rows of a column of the same type where they stand.
    mutating func append(_ view: ColumnView) {
        switch type {
        case .double: doubles.append(view.bytes, rows: view.rows)
        case .int: ints.append(view.bytes, rows: view.rows)
        case .bool:
            for byte in view.bytes { bools.append(byte != 0) }
        case .string:
            strings.makeRoom(for: view.rows)
            view.forEachText { appendText($0) }
        }
        if view.presence != nil || presence != nil { appendPresence(of: view) }
        count += view.rows
    }

    /// Appends a text; the one before once more, where it is the same, as states mostly are.
    private mutating func appendText(_ utf8: UnsafeRawBufferPointer) {
        let isSame = lastText.withUTF8 { last in
            last.count == utf8.count && zip(last, utf8).allSatisfy(==)
        }
        if !isSame { lastText = String(decoding: utf8, as: UTF8.self) }
        strings.append(lastText)
    }

    private mutating func appendPresence(of view: ColumnView) {
        if presence == nil { presence = Array(repeating: true, count: count) }
        for row in 0..<view.rows { presence?.append(view.isPresent(row)) }
    }

    /// Appends rows without a value.
    mutating func appendMissing(_ rows: Int) {
        guard rows > 0 else { return }
        if presence == nil { presence = Array(repeating: true, count: count) }
        presence?.append(contentsOf: repeatElement(false, count: rows))
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

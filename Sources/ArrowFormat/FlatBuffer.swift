/// A value of a table of a FlatBuffer.
///
/// Source: Google, "FlatBuffers Internals", FlatBuffers documentation, section "Encoding".
indirect enum FlatValue {
    case byte(UInt8)
    case bool(Bool)
    case short(Int16)
    case int(Int32)
    case long(Int64)
    case string(String)
    case table(FlatTable)
    case tables([FlatTable])
    /// Structures of two integers each.
    case pairs([(Int64, Int64)])

    /// Bytes that it takes within its table.
    fileprivate var width: Int {
        switch self {
        case .byte, .bool: 1
        case .short: 2
        case .int, .string, .table, .tables, .pairs: 4
        case .long: 8
        }
    }
}

/// A table of a FlatBuffer: values by the numbers of their fields.
struct FlatTable {
    var fields: [Int: FlatValue]

    init(_ fields: [Int: FlatValue]) {
        self.fields = fields
    }

    /// The bytes of a FlatBuffer whose root this is.
    var bytes: [UInt8] {
        var writer = FlatWriter()
        writer.append(Int32(0))
        writer.patch(0, with: writer.append(self))
        return writer.bytes
    }
}

/// Writes each table before what it refers to, so that all offsets lead forward.
private struct FlatWriter {
    var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func align(to width: Int, behind count: Int = 0) {
        while (bytes.count + count) % width != 0 { bytes.append(0) }
    }

    /// Makes the offset at `place` lead to `target`.
    mutating func patch(_ place: Int, with target: Int) {
        let offset = UInt32(target - place)
        for byte in 0..<4 { bytes[place + byte] = UInt8(truncatingIfNeeded: offset >> (8 * byte)) }
    }

    /// Appends a table and what it refers to; returns where the table is.
    mutating func append(_ table: FlatTable) -> Int {
        // The widest first, so that nothing between them is padding.
        let fields = table.fields.sorted {
            ($0.value.width, $1.key) > ($1.value.width, $0.key)
        }
        let slots = (table.fields.keys.max() ?? -1) + 1
        let hasLong = fields.first?.value.width == 8
        align(to: 4)
        var offset = 4
        if hasLong {
            align(to: 8, behind: 4 + 2 * slots + 4)
        } else {
            align(to: 4, behind: 4 + 2 * slots)
        }
        var places = Array(repeating: 0, count: slots)
        for (field, value) in fields {
            places[field] = offset
            offset += value.width
        }
        let start = bytes.count
        append(UInt16(4 + 2 * slots))
        append(UInt16(offset))
        for place in places { append(UInt16(place)) }
        let position = bytes.count
        append(Int32(position - start))
        for (_, value) in fields { appendInline(value) }
        for (field, value) in fields where value.isReference {
            patch(position + places[field], with: appendTarget(value))
        }
        return position
    }

    private mutating func appendInline(_ value: FlatValue) {
        switch value {
        case .byte(let value): append(value)
        case .bool(let value): append(UInt8(value ? 1 : 0))
        case .short(let value): append(value)
        case .int(let value): append(value)
        case .long(let value): append(value)
        case .string, .table, .tables, .pairs: append(UInt32(0))
        }
    }

    private mutating func appendTarget(_ value: FlatValue) -> Int {
        switch value {
        case .string(let text):
            align(to: 4)
            let position = bytes.count
            append(UInt32(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
            bytes.append(0)
            return position
        case .table(let table): return append(table)
        case .tables(let tables):
            align(to: 4)
            let position = bytes.count
            append(UInt32(tables.count))
            for _ in tables { append(UInt32(0)) }
            for (index, table) in tables.enumerated() {
                patch(position + 4 + 4 * index, with: append(table))
            }
            return position
        case .pairs(let pairs):
            align(to: 8, behind: 4)
            let position = bytes.count
            append(UInt32(pairs.count))
            for (first, second) in pairs {
                append(first)
                append(second)
            }
            return position
        case .byte, .bool, .short, .int, .long:
            preconditionFailure("it stands within its table")
        }
    }
}

extension FlatValue {
    /// Whether its table holds an offset that leads to it.
    fileprivate var isReference: Bool {
        switch self {
        case .string, .table, .tables, .pairs: true
        case .byte, .bool, .short, .int, .long: false
        }
    }
}

internal import ArchiveFormat
internal import Telemetry

/// The values of one field as they arrive, in the form in which records have them.
struct RowColumn: ~Copyable {
    let type: FieldType
    /// Bytes of a value while all are there and none is a text; else 0, and ``append(_:)`` has to
    /// look at them.
    private(set) var plainWidth: Int
    private var values = GrowingBytes()
    private var texts = TextRuns()
    /// The text that came last, as MessagePack has it.
    private var lastText: [UInt8] = []
    private var presence: [Bool]?

    init(_ type: FieldType) {
        self.type = type
        plainWidth = Self.width(type)
    }

    private static func width(_ type: FieldType) -> Int {
        switch type {
        case .double, .int: 8
        case .bool: 1
        case .string: 0
        }
    }

    /// How many there are.
    private var count: Int { type == .string ? texts.count : values.count / Self.width(type) }

    /// Appends values of ``plainWidth`` as they stand.
    mutating func appendPlain(_ bytes: UnsafeRawPointer, rows: Int) {
        values.append(bytes, rows * plainWidth)
    }

    /// Appends `rows` values of ``plainWidth``, one every `stride` bytes.
    @inline(__always)
    mutating func appendPlain(_ bytes: UnsafeRawPointer, rows: Int, stride: Int) {
        switch plainWidth {
        case 8: values.append(bytes, rows, UInt64.self, stride: stride)
        default: values.append(bytes, rows, UInt8.self, stride: stride)
        }
    }

    /// Appends the text that came last for some rows more; false where this is no column of texts
    /// only.
    mutating func repeatText(rows: Int) -> Bool {
        guard type == .string, presence == nil else { return false }
        texts.extend(to: texts.count + rows)
        return true
    }

    /// Appends all rows of a column of a record.
    mutating func append(_ view: ColumnView) {
        if view.presence != nil, presence == nil {
            presence = Array(repeating: true, count: count)
            plainWidth = 0
        }
        if presence != nil {
            for row in 0..<view.rows { presence?.append(view.isPresent(row)) }
        }
        if type == .string {
            var last: [UInt8] = []
            swap(&last, &lastText)
            let first = texts.count
            view.forEachChange(of: &last) { row, utf8 in
                texts.begin(String(decoding: utf8, as: UTF8.self), at: first + row)
            }
            swap(&last, &lastText)
            texts.extend(to: first + view.rows)
        } else {
            values.append(view.bytes)
        }
    }

    /// What was appended.
    var column: Column {
        switch type {
        case .double: Column(.doubles(values.array()), presence: presence)
        case .int: Column(.ints(values.array()), presence: presence)
        case .bool: Column(.bools(bools), presence: presence)
        case .string: Column(.strings(texts.texts), presence: presence)
        }
    }

    /// The same for a sealed file.
    var source: SourceColumn {
        type == .string ? SourceColumn(texts, presence: presence) : SourceColumn(column)
    }

    private var bools: [Bool] {
        [Bool](unsafeUninitializedCapacity: count) { buffer, filled in
            values.forEachPiece { piece in
                for place in piece.indices { buffer[filled + place] = piece[place] != 0 }
                filled += piece.count
            }
        }
    }

    /// The same values in other memory.
    func copy() -> RowColumn {
        var copy = RowColumn(type)
        copy.plainWidth = plainWidth
        copy.values = values.copy()
        copy.texts = texts
        copy.lastText = lastText
        copy.presence = presence
        return copy
    }

    /// Appends some rows of what another one has, whose ``column`` is given.
    mutating func append(_ column: Column, rows: Range<Int>) {
        if let flags = column.presence {
            presence = (presence ?? Array(repeating: true, count: count)) + flags[rows]
            plainWidth = 0
        }
        switch column.values {
        case .doubles(let doubles): values.append(doubles[rows])
        case .ints(let ints): values.append(ints[rows])
        case .bools(let bools): values.append(bools[rows])
        case .strings(let strings):
            for row in rows {
                if texts.last != strings[row] { texts.begin(strings[row], at: texts.count) }
                texts.extend(to: texts.count + 1)
            }
            lastText = []
        }
    }
}

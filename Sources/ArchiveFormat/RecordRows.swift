public import MessagePack
public import Telemetry

/// The rows of a record of data: checked against the declaration, and not decoded yet.
///
/// Valid as long as the bytes of the record.
public struct RecordRows {
    /// How many rows all blocks have together.
    public let count: Int
    /// The least and the largest of their times; the largest and the least Int64 without a row.
    public let earliest: Int64, latest: Int64
    private let body: UnsafeRawBufferPointer
    /// Where the times and each column begin in the body, if it is one row that a layout fits, and
    /// the number of that layout.
    private let places: UnsafePointer<Int32>?, layout: Int

    /// What does not fit; who knows the declaration tells it in full.
    enum Flaw: Error {
        case noBlocks, shape
        case column(Int, rows: Int)

        func asRecordError(_ feed: Feed) -> RecordError {
            switch self {
            case .noBlocks: .mismatch(feed: feed.name, "the body is no array of blocks")
            case .shape:
                .mismatch(
                    feed: feed.name,
                    "the body is no array of blocks of timestamps and \(feed.fields.count) columns"
                )
            case .column(let place, let rows):
                .mismatch(
                    feed: feed.name,
                    "column \(feed.fields[place].name) is not \(rows) values of "
                        + "\(feed.fields[place].type)"
                )
            }
        }
    }

    /// Checks all that ``reader`` will give: shapes, lengths, and that texts are UTF-8.
    init(_ body: UnsafeRawBufferPointer, _ types: [FieldType]) throws(Flaw) {
        self.body = body
        places = nil
        layout = 0
        guard var reader = RowReader(body) else { throw .noBlocks }
        var count = 0
        var earliest = Int64.max
        var latest = Int64.min
        while let times = reader.block(columns: types.count) {
            count += times.count / 8
            for offset in stride(from: 0, to: times.count, by: 8) {
                let time = times.loadUnaligned(fromByteOffset: offset, as: Int64.self)
                earliest = min(earliest, time)
                latest = max(latest, time)
            }
            for place in types.indices where !reader.skip(types[place]) {
                throw .column(place, rows: times.count / 8)
            }
        }
        guard reader.isDone else { throw .shape }
        self.count = count
        self.earliest = earliest
        self.latest = latest
    }

    /// The one row of a body that `form` fits, whose layout has to outlive it.
    init(_ body: UnsafeRawBufferPointer, _ form: RecordForm) {
        self.body = body
        places = form.places
        layout = form.number
        count = 1
        earliest = body.loadUnaligned(fromByteOffset: Int(form.places[0]), as: Int64.self)
        latest = earliest
    }

    /// Where its values stand, if it is one row that a layout fits.
    public var row: KnownRows? {
        guard let places, let start = body.baseAddress else { return nil }
        return KnownRows(layout: layout, start: start, places: places, byteCount: body.count)
    }

    /// The length of the rows in the record.
    public var byteCount: Int { body.count }

    /// Reads block after block.
    public var reader: RowReader {
        guard let reader = RowReader(body) else { preconditionFailure("it was checked") }
        return reader
    }

    /// Calls `body` with the time of each row, in order; the columns, whose types are `types`, stay
    /// as they are.
    public func forEachTime(_ types: [FieldType], _ body: (Int64) -> Void) {
        var reader = reader
        while let times = reader.block(columns: types.count) {
            for offset in stride(from: 0, to: times.count, by: 8) {
                body(times.loadUnaligned(fromByteOffset: offset, as: Int64.self))
            }
            for type in types { _ = reader.column(type, isChecked: true) }
        }
    }

    /// The rows as blocks of columns of such types.
    public func blocks(_ types: [FieldType]) -> [Block] {
        var blocks: [Block] = []
        var reader = reader
        while let times = reader.block(columns: types.count) {
            let timestamps = [Timestamp](unsafeUninitializedCapacity: times.count / 8) {
                UnsafeMutableRawBufferPointer($0).copyMemory(from: times)
                $1 = times.count / 8
            }
            let columns = types.compactMap { reader.column($0, isChecked: true)?.column }
            blocks.append(Block(timestamps: timestamps, columns: columns))
        }
        return blocks
    }
}

/// Rows of one layout, one behind the other, of which it is known where their values stand.
public struct KnownRows {
    /// Tells how their records look: rows with the same number have the same texts.
    public let layout: Int
    /// The first row.
    public let start: UnsafeRawPointer
    /// Where the time of a row stands in it, and then the value of each column.
    public let places: UnsafePointer<Int32>
    /// The bytes of each row, and how many rows there are.
    public let byteCount: Int, count: Int

    /// Rows that another one looked like.
    public init(
        layout: Int,
        start: UnsafeRawPointer,
        places: UnsafePointer<Int32>,
        byteCount: Int,
        count: Int = 1
    ) {
        self.layout = layout
        self.start = start
        self.places = places
        self.byteCount = byteCount
        self.count = count
    }

    /// Where the time of the first row stands.
    public var times: UnsafeRawPointer { start + Int(places[0]) }

    /// Where the first value of a column begins: a number's bytes, a text's MessagePack.
    public func values(_ column: Int) -> UnsafeRawPointer { start + Int(places[column + 1]) }

    /// The value of a column, which has this type, in one of the rows.
    public func view(_ column: Int, _ type: FieldType, row: Int) -> ColumnView {
        let place = values(column) + row * byteCount
        let end = start + (row + 1) * byteCount
        let count = type == .string ? end - place : type == .bool ? 1 : 8
        let bytes = UnsafeRawBufferPointer(start: place, count: count)
        return ColumnView(type: type, rows: 1, presence: nil, bytes: bytes)
    }
}

/// Reads the blocks of a record where they stand: of each its times, then its columns in order.
public struct RowReader {
    @usableFromInline var reader: MessagePackReader
    @usableFromInline var rows = 0
    private var blocks: Int

    /// Nil where `body` is no array.
    init?(_ body: UnsafeRawBufferPointer) {
        guard var reader = MessagePackReader(body), let blocks = reader.array() else { return nil }
        self.reader = reader
        self.blocks = blocks
    }

    /// Whether all blocks are read, and nothing stands behind them.
    var isDone: Bool { blocks == 0 && reader.isAtEnd }

    /// The times of the next block, Int64 without alignment; nil where none with so many columns
    /// follows.
    public mutating func block(columns: Int) -> UnsafeRawBufferPointer? {
        guard blocks > 0, reader.array() == 1 + columns, let times = reader.bytes(),
            times.count % 8 == 0
        else { return nil }
        blocks -= 1
        rows = times.count / 8
        return times
    }

    /// The next column of the block; nil where it is not as many values of `type`.
    ///
    /// Of texts that are not `isChecked` also nil where one is no UTF-8.
    public mutating func column(_ type: FieldType, isChecked: Bool) -> ColumnView? {
        if type == .string { return texts(isChecked: isChecked) }
        var presence: UnsafeRawBufferPointer?
        var bytes = reader.bytes()
        if bytes == nil {
            guard reader.array() == 2, let bits = reader.bytes(), bits.count == (rows + 7) / 8
            else { return nil }
            presence = bits
            bytes = reader.bytes()
        }
        guard let bytes, bytes.count == rows * (type == .bool ? 1 : 8) else { return nil }
        return ColumnView(type: type, rows: rows, presence: presence, bytes: bytes)
    }

    /// Where the values of the next column stand, `width` bytes each and none missing; nil, and
    /// nothing is read, where it is another one: ``column(_:isChecked:)`` reads all.
    ///
    /// One pointer and not a ``ColumnView``: it is called for every value of messages of one row.
    @inlinable
    public mutating func plain(width: Int) -> UnsafeRawPointer? {
        var ahead = reader
        guard let bytes = ahead.bytes(), bytes.count == rows * width else { return nil }
        reader = ahead
        return bytes.baseAddress
    }

    /// Passes over the next column; false where it is not as many values of `type`.
    fileprivate mutating func skip(_ type: FieldType) -> Bool {
        let isPlain = type != .string && plain(width: type == .bool ? 1 : 8) != nil
        return isPlain || column(type, isChecked: false) != nil
    }

    private mutating func texts(isChecked: Bool) -> ColumnView? {
        var presence: UnsafeRawBufferPointer?
        var parts = reader.array()
        if parts == 2 {
            guard let bits = reader.bytes(), bits.count == (rows + 7) / 8 else { return nil }
            presence = bits
            parts = reader.array()
        }
        guard parts == 1, reader.array() == rows else { return nil }
        let start = reader.rest
        // States mostly are the same as in the row before.
        var row = 0
        while row < rows {
            let rest = reader.rest
            guard let text = reader.utf8(), isChecked || Self.isText(text) else { return nil }
            let last = UnsafeRawBufferPointer(rebasing: rest[..<(rest.count - reader.rest.count)])
            row += 1
            row += reader.skip(last, most: rows - row)
        }
        let bytes = UnsafeRawBufferPointer(rebasing: start[..<(start.count - reader.rest.count)])
        return ColumnView(type: .string, rows: rows, presence: presence, bytes: bytes)
    }

    private static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }
}

/// The values of one column of a block where they stand, without alignment.
public struct ColumnView {
    /// What they are, and how many.
    public let type: FieldType, rows: Int
    /// A bit for each row, row 0 in the lowest bit of byte 0, set where a value is there; nil where
    /// all are.
    public let presence: UnsafeRawBufferPointer?
    /// Float64 or Int64, or bytes; of texts MessagePack, see ``forEachText(_:)``.
    public let bytes: UnsafeRawBufferPointer

    /// Whether row `row` has a value.
    public func isPresent(_ row: Int) -> Bool {
        presence.map { $0[row >> 3] >> (row & 7) & 1 == 1 } ?? true
    }

    /// Calls `body` with the UTF-8 of each text.
    public func forEachText(_ body: (UnsafeRawBufferPointer) -> Void) {
        guard type == .string, var reader = MessagePackReader(bytes) else { return }
        for _ in 0..<rows {
            guard let text = reader.utf8() else { return }
            body(text)
        }
    }

    /// Calls `body` with the row and the UTF-8 of each text that is another one than that of the
    /// row before; `last` is the one before the first, as MessagePack, and becomes the last one.
    public func forEachChange(
        of last: inout [UInt8],
        _ body: (Int, UnsafeRawBufferPointer) -> Void
    ) {
        guard type == .string, var reader = MessagePackReader(bytes) else { return }
        var row = 0
        while row < rows {
            row += last.withUnsafeBytes { reader.skip($0, most: rows - row) }
            let rest = reader.rest
            guard row < rows, let text = reader.utf8() else { return }
            body(row, text)
            last = Array(rest[..<(rest.count - reader.rest.count)])
            row += 1
        }
    }

    /// The values as a column.
    var column: Column {
        let flags = presence.map { _ in (0..<rows).map(isPresent) }
        switch type {
        case .double: return Column(.doubles(words()), presence: flags)
        case .int: return Column(.ints(words()), presence: flags)
        case .bool: return Column(.bools(bytes.map { $0 != 0 }), presence: flags)
        case .string:
            var texts: [String] = []
            texts.reserveCapacity(rows)
            forEachText { texts.append(String(decoding: $0, as: UTF8.self)) }
            return Column(.strings(texts), presence: flags)
        }
    }

    /// The bytes as values of eight bytes each, in the machine's order, which is little-endian on
    /// every machine that Swift and libzmq are built for here.
    private func words<Element: BitwiseCopyable>() -> [Element] {
        [Element](unsafeUninitializedCapacity: rows) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            count = rows
        }
    }
}

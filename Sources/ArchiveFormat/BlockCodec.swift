internal import MessagePack
internal import Telemetry

/// Blocks as MessagePack: `[timestamps, column, …]`, columns in declared order.
///
/// Timestamps and numbers are `bin` of little-endian Int64 or Float64, booleans `bin` of bytes 0
/// and 1, texts an array of `str`. A column with missing values is `[presence, column]`, where
/// `presence` is a bit map (row 0 in the lowest bit of byte 0); a missing number is written as 0,
/// a missing text as an empty one.
enum BlockCodec {
    static func write(_ block: Block, to writer: inout MessagePackWriter) {
        writer.beginArray(1 + block.columns.count)
        block.timestamps.withUnsafeBytes { writer.write(bytes: $0) }
        for column in block.columns {
            if let presence = column.presence {
                writer.beginArray(2)
                bitmap(presence).withUnsafeBytes { writer.write(bytes: $0) }
            }
            switch column.values {
            case .doubles(let values): values.withUnsafeBytes { writer.write(bytes: $0) }
            case .ints(let values): values.withUnsafeBytes { writer.write(bytes: $0) }
            case .bools(let values): values.withUnsafeBytes { writer.write(bytes: $0) }
            case .strings(let values):
                // Two layers for texts, so that `[presence, column]` is never mistaken for two.
                writer.beginArray(1)
                writer.beginArray(values.count)
                for text in values { writer.write(text) }
            }
        }
    }

    static func read(_ view: MessagePackView, feed: Feed) throws(RecordError) -> Block {
        guard view.arrayCount == 1 + feed.fields.count, let bytes = view[0].bytes,
            bytes.count % 8 == 0
        else {
            throw .mismatch(
                feed: feed.name,
                "a block has not the timestamps and \(feed.fields.count) columns"
            )
        }
        let timestamps: [Timestamp] = array(bytes)
        var columns: [Column] = []
        columns.reserveCapacity(feed.fields.count)
        for (index, field) in feed.fields.enumerated() {
            guard let column = column(view[1 + index], field.type, rows: timestamps.count) else {
                throw .mismatch(
                    feed: feed.name,
                    "column \(field.name) is not \(timestamps.count) values of \(field.type)"
                )
            }
            columns.append(column)
        }
        return Block(timestamps: timestamps, columns: columns)
    }

    private static func column(
        _ view: MessagePackView,
        _ type: FieldType,
        rows: Int
    ) -> Column? {
        if view.arrayCount == 2 {
            guard let bits = view[0].bytes, bits.count == (rows + 7) / 8,
                let values = values(view[1], type, rows: rows)
            else { return nil }
            return Column(values, presence: (0..<rows).map { bits[$0 >> 3] >> ($0 & 7) & 1 == 1 })
        }
        return values(view, type, rows: rows).map { Column($0) }
    }

    private static func values(
        _ view: MessagePackView,
        _ type: FieldType,
        rows: Int
    ) -> Column.Values? {
        switch type {
        case .double:
            guard let bytes = view.bytes, bytes.count == rows * 8 else { return nil }
            return .doubles(array(bytes))
        case .int:
            guard let bytes = view.bytes, bytes.count == rows * 8 else { return nil }
            return .ints(array(bytes))
        case .bool:
            guard let bytes = view.bytes, bytes.count == rows else { return nil }
            return .bools(bytes.map { $0 != 0 })
        case .string:
            guard view.arrayCount == 1, view[0].arrayCount == rows else { return nil }
            var texts: [String] = []
            texts.reserveCapacity(rows)
            for index in 0..<rows {
                guard let text = view[0][index].string else { return nil }
                texts.append(text)
            }
            return .strings(texts)
        }
    }

    /// The bytes as values of eight bytes each, in the machine's order, which is little-endian on
    /// every machine that Swift and libzmq are built for here.
    private static func array<Element: BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer
    ) -> [Element] {
        let count = bytes.count / MemoryLayout<Element>.stride
        return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            initialized = count
        }
    }

    private static func bitmap(_ presence: [Bool]) -> [UInt8] {
        var bits = [UInt8](repeating: 0, count: (presence.count + 7) / 8)
        for (row, isPresent) in presence.enumerated() where isPresent {
            bits[row >> 3] |= 1 << (row & 7)
        }
        return bits
    }
}

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

    private static func bitmap(_ presence: [Bool]) -> [UInt8] {
        var bits = [UInt8](repeating: 0, count: (presence.count + 7) / 8)
        for (row, isPresent) in presence.enumerated() where isPresent {
            bits[row >> 3] |= 1 << (row & 7)
        }
        return bits
    }
}

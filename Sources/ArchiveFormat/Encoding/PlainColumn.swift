internal import Telemetry

/// A column as it stands in memory; ``ChunkCodec`` draws it.
enum PlainColumn {
    /// Fills `space` with its values; where it throws, none of it is initialized.
    ///
    /// `areDifferences` is for integers: their differences, bytes regrouped by significance.
    static func read(
        _ bytes: UnsafeRawBufferPointer,
        into space: ColumnSpace,
        areDifferences: Bool
    ) throws(ChunkError) -> [Bool]? {
        var body = bytes
        let presence = try ChunkCodec.presence(&body, rows: space.count)
        let width = space.type == .bool ? 1 : 8
        guard space.type == .string || body.count == space.count * width else {
            throw .contents(
                "\(body.count) bytes for \(space.count) values of \(space.type.rawValue)"
            )
        }
        switch space {
        case .doubles(let values): UnsafeMutableRawBufferPointer(values).copyMemory(from: body)
        case .ints(let values):
            if areDifferences {
                sum(body, into: values)
            } else {
                UnsafeMutableRawBufferPointer(values).copyMemory(from: body)
            }
        case .bools(let values):
            for row in values.indices { values.initializeElement(at: row, to: body[row] != 0) }
        case .strings(let values):
            _ = values.initialize(fromContentsOf: try ChunkCodec.texts(&body, rows: values.count))
        }
        return presence
    }

    private static func sum(
        _ bytes: UnsafeRawBufferPointer,
        into values: UnsafeMutableBufferPointer<Int64>
    ) {
        var last: Int64 = 0
        for row in values.indices {
            var word: UInt64 = 0
            for plane in 0..<8 {
                word |= UInt64(bytes[plane * values.count + row]) << UInt64(plane * 8)
            }
            let difference = word >> 1 ^ (word & 1 == 1 ? UInt64.max : 0)
            last = last &+ Int64(bitPattern: difference)
            values.initializeElement(at: row, to: last)
        }
    }
}

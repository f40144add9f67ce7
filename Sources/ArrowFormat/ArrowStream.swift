internal import Telemetry

/// Arrow's streaming format: a message with the schema, one for each batch of rows, an end.
///
/// Source: Apache Arrow, "Arrow Columnar Format", version 1.5, sections "Encapsulated message
/// format" and "IPC Streaming Format", and its `Schema.fbs` and `Message.fbs`.
public enum ArrowStream {
    /// The media type.
    public static let contentType = "application/vnd.apache.arrow.stream"
    /// What follows the last batch.
    public static let end: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]

    private static let version: Int16 = 4  // V5
    private static let schemaHeader: UInt8 = 1, batchHeader: UInt8 = 3

    /// The message that begins a stream.
    public static func schema(
        _ fields: [ArrowField],
        metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        let schema = FlatTable([
            0: .short(0),  // little-endian
            1: .tables(fields.map(table)),
            2: .tables(metadata.map(pair)),
        ])
        return message(schemaHeader, schema, body: [], metadata: [])
    }

    /// The message of a batch of rows.
    ///
    /// `columns` has as many as the schema has fields, of their kinds and of `rows` values each.
    /// `metadata` are texts about this batch.
    public static func batch(
        _ columns: [ArrowColumn],
        rows: Int,
        metadata: [(key: String, value: String)] = []
    ) -> [UInt8] {
        precondition(columns.allSatisfy { $0.count == rows }, "a column has other rows")
        var body = ArrowBody()
        for column in columns { body.append(column) }
        let batch = FlatTable([
            0: .long(Int64(rows)), 1: .pairs(body.nodes), 2: .pairs(body.buffers),
        ])
        return message(batchHeader, batch, body: body.bytes, metadata: metadata)
    }

    private static func message(
        _ kind: UInt8,
        _ header: FlatTable,
        body: [UInt8],
        metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        var message = FlatTable([
            0: .short(version), 1: .byte(kind), 2: .table(header), 3: .long(Int64(body.count)),
        ])
        if !metadata.isEmpty { message.fields[4] = .tables(metadata.map(pair)) }
        var head = message.bytes
        // The body begins at a multiple of eight bytes.
        while head.count % 8 != 0 { head.append(0) }
        var bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        bytes.reserveCapacity(8 + head.count + body.count)
        withUnsafeBytes(of: Int32(head.count).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes + head + body
    }

    private static func pair(_ pair: (key: String, value: String)) -> FlatTable {
        FlatTable([0: .string(pair.key), 1: .string(pair.value)])
    }

    private static func table(_ field: ArrowField) -> FlatTable {
        let (number, type) = type(of: field.kind)
        return FlatTable([
            0: .string(field.name), 1: .bool(field.kind != .instants), 2: .byte(number),
            3: .table(type), 5: .tables([]), 6: .tables(field.metadata.map(pair)),
        ])
    }

    /// The number of a type, and what else is to be said of it.
    private static func type(of kind: ArrowField.Kind) -> (UInt8, FlatTable) {
        switch kind {
        case .instants: (10, FlatTable([0: .short(3), 1: .string("UTC")]))
        case .values(.int): (2, FlatTable([0: .int(64), 1: .bool(true)]))
        case .values(.double): (3, FlatTable([0: .short(2)]))
        case .values(.bool): (6, FlatTable([:]))
        case .values(.string): (5, FlatTable([:]))
        }
    }
}

internal import ArchiveFormat
internal import Telemetry

/// The header of a record, read without decoding the record: a fetch looks at every one.
struct RecordPeek {
    let kind: Int64, epoch: Int64, position: Int64, revision: Int64
    let published: Timestamp

    /// Nil where the payload is no record that this version knows the beginning of.
    init?(_ payload: UnsafeRawBufferPointer) {
        guard payload.count > 6, payload[0] == 0x96 else { return nil }
        var offset = 1
        guard let kind = Self.integer(payload, &offset),
            let epoch = Self.integer(payload, &offset),
            let position = Self.integer(payload, &offset),
            let revision = Self.integer(payload, &offset),
            let published = Self.integer(payload, &offset)
        else { return nil }
        self.kind = kind
        self.epoch = epoch
        self.position = position
        self.revision = revision
        self.published = Timestamp(nanoseconds: published)
    }

    /// A MessagePack integer of any width.
    private static func integer(
        _ bytes: UnsafeRawBufferPointer,
        _ offset: inout Int
    ) -> Int64? {
        guard offset < bytes.count else { return nil }
        let type = bytes[offset]
        offset += 1
        switch type {
        case 0x00...0x7F: return Int64(type)
        case 0xE0...0xFF: return Int64(Int8(bitPattern: type))
        case 0xCC...0xCF, 0xD0...0xD3:
            let width = 1 << Int(type & 3)
            guard offset + width <= bytes.count else { return nil }
            var bits: UInt64 = type >= 0xD0 && bytes[offset] >= 0x80 ? .max : 0
            for byte in bytes[offset..<(offset + width)] { bits = bits << 8 | UInt64(byte) }
            offset += width
            if type < 0xD0, bits > UInt64(Int64.max) { return nil }
            return Int64(bitPattern: bits)
        default: return nil
        }
    }
}

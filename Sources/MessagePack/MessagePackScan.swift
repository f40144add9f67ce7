/// Bounds on what one document may ask a decoder to build.
public struct MessagePackLimits: Sendable {
    /// Arrays and maps inside each other, at most ``deepest``.
    public let depth: Int
    /// Items in all: each costs the decoder 24 bytes, whatever it costs on the wire.
    public var items: Int

    /// Where libmsgpack-c itself stops.
    public static let deepest = 32

    /// Limits of requests, replies and descriptions, or others.
    public init(depth: Int = 16, items: Int = 65_536) {
        precondition(depth <= Self.deepest, "libmsgpack-c reads nothing that deep")
        self.depth = depth
        self.items = items
    }

    /// Records and answers hold a column of texts as one item a row.
    public static let records = MessagePackLimits(depth: 8, items: 1 << 20)
}

extension MessagePackLimits {
    /// Walks over the one document in `bytes` without building anything.
    ///
    /// libmsgpack-c allocates what a length says before it looks whether the bytes are there, so
    /// it sees only what has passed here.
    public func scan(_ bytes: UnsafeRawBufferPointer) throws(MessagePackError) {
        let length = try length(of: bytes)
        guard length == bytes.count else { throw .trailingBytes(offset: length) }
    }

    /// How many bytes the first document in `bytes` takes, which may be followed by others.
    public func length(of bytes: UnsafeRawBufferPointer) throws(MessagePackError) -> Int {
        var offset = 0
        var items = 0
        // How many items are still missing at each level that is open: that of the document itself,
        // and below it as many as `deepest` says.
        var missing = InlineArray<33, Int>(repeating: 0)
        var level = 0
        missing[0] = 1
        while level >= 0 {
            guard missing[level] > 0 else {
                level -= 1
                continue
            }
            missing[level] -= 1
            items += 1
            guard items <= self.items else { throw .tooManyItems(limit: self.items) }
            let start = offset
            let (length, children) = try Self.shape(bytes, at: start)
            guard length <= bytes.count - start else { throw .truncated(offset: start) }
            offset = start + length
            guard children <= bytes.count - offset else { throw .truncated(offset: start) }
            if children > 0 {
                guard level < depth else { throw .tooDeep(offset: start, limit: depth) }
                level += 1
                missing[level] = children
            }
        }
        return offset
    }

    /// The bytes of the item itself, and how many items it contains.
    private static func shape(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(MessagePackError) -> (length: Int, children: Int) {
        guard offset < bytes.count else { throw .truncated(offset: offset) }
        let type = bytes[offset]
        switch type {
        case 0x00...0x7F, 0xE0...0xFF, 0xC0, 0xC2, 0xC3: return (1, 0)
        case 0x80...0x8F: return (1, 2 * Int(type & 0x0F))
        case 0x90...0x9F: return (1, Int(type & 0x0F))
        case 0xA0...0xBF: return (1 + Int(type & 0x1F), 0)
        case 0xC4, 0xD9: return (2 + (try size(bytes, offset, 1)), 0)
        case 0xC5, 0xDA: return (3 + (try size(bytes, offset, 2)), 0)
        case 0xC6, 0xDB: return (5 + (try size(bytes, offset, 4)), 0)
        case 0xCC, 0xD0: return (2, 0)
        case 0xCD, 0xD1: return (3, 0)
        case 0xCA, 0xCE, 0xD2: return (5, 0)
        case 0xCB, 0xCF, 0xD3: return (9, 0)
        case 0xDC: return (3, try size(bytes, offset, 2))
        case 0xDD: return (5, try size(bytes, offset, 4))
        case 0xDE: return (3, 2 * (try size(bytes, offset, 2)))
        case 0xDF: return (5, 2 * (try size(bytes, offset, 4)))
        default: throw .unexpectedType(offset: offset, byte: type)
        }
    }

    /// The big-endian length of `width` bytes behind the type byte at `offset`.
    private static func size(
        _ bytes: UnsafeRawBufferPointer,
        _ offset: Int,
        _ width: Int
    ) throws(MessagePackError) -> Int {
        guard bytes.count - offset > width else { throw .truncated(offset: offset) }
        return (1...width).reduce(0) { $0 << 8 | Int(bytes[offset + $1]) }
    }
}

internal import CMsgPack
public import Telemetry

/// One item of a decoded document; valid only inside ``withMessagePack(_:limits:_:)``.
public struct MessagePackView {
    private let object: msgpack_object

    fileprivate init(_ object: msgpack_object) {
        self.object = object
    }

    /// Whether the item is null.
    public var isNull: Bool { object.type == MSGPACK_OBJECT_NIL }

    /// The truth value, nil for any other type.
    public var bool: Bool? {
        object.type == MSGPACK_OBJECT_BOOLEAN ? object.via.boolean : nil
    }

    /// The integer, nil for any other type and beyond an Int64.
    public var int: Int64? {
        switch object.type {
        case MSGPACK_OBJECT_POSITIVE_INTEGER: Int64(exactly: object.via.u64)
        case MSGPACK_OBJECT_NEGATIVE_INTEGER: object.via.i64
        default: nil
        }
    }

    /// The floating-point number, nil for any other type.
    public var double: Double? {
        switch object.type {
        case MSGPACK_OBJECT_FLOAT64, MSGPACK_OBJECT_FLOAT32: object.via.f64
        default: nil
        }
    }

    /// The bytes of a text, nil for any other type.
    public var utf8: UnsafeRawBufferPointer? {
        guard object.type == MSGPACK_OBJECT_STR else { return nil }
        return UnsafeRawBufferPointer(start: object.via.str.ptr, count: Int(object.via.str.size))
    }

    /// The text, nil for any other type and for bytes that are no UTF-8.
    public var string: String? {
        guard let utf8 else { return nil }
        // Names and states are ASCII; to check other texts takes ten times as long.
        if utf8.allSatisfy({ $0 < 0x80 }) { return String(decoding: utf8, as: UTF8.self) }
        return String(validating: utf8, as: UTF8.self)
    }

    /// The bytes, nil for any other type.
    public var bytes: UnsafeRawBufferPointer? {
        guard object.type == MSGPACK_OBJECT_BIN else { return nil }
        return UnsafeRawBufferPointer(start: object.via.bin.ptr, count: Int(object.via.bin.size))
    }

    /// How many elements an array has, nil for any other type.
    public var arrayCount: Int? {
        object.type == MSGPACK_OBJECT_ARRAY ? Int(object.via.array.size) : nil
    }

    /// Element `index` of an array; the caller has looked at ``arrayCount``.
    public subscript(index: Int) -> MessagePackView {
        precondition(object.type == MSGPACK_OBJECT_ARRAY && index < object.via.array.size)
        return MessagePackView(object.via.array.ptr[index])
    }

    /// The members of a map where they stand, nil for any other type and where a key is no text.
    public var map: [String: MessagePackView]? {
        guard object.type == MSGPACK_OBJECT_MAP else { return nil }
        let count = Int(object.via.map.size)
        var members = [String: MessagePackView](minimumCapacity: count)
        for index in 0..<count {
            let pair = object.via.map.ptr[index]
            guard let key = MessagePackView(pair.key).string else { return nil }
            members[key] = MessagePackView(pair.val)
        }
        return members
    }

    /// The item and all that is in it as a value; nil where a text is no UTF-8 or a key no text.
    public var value: Value? {
        switch object.type {
        case MSGPACK_OBJECT_NIL: return .null
        case MSGPACK_OBJECT_BOOLEAN: return .bool(object.via.boolean)
        case MSGPACK_OBJECT_POSITIVE_INTEGER, MSGPACK_OBJECT_NEGATIVE_INTEGER:
            return int.map(Value.int)
        case MSGPACK_OBJECT_FLOAT64, MSGPACK_OBJECT_FLOAT32: return .double(object.via.f64)
        case MSGPACK_OBJECT_STR: return string.map(Value.string)
        case MSGPACK_OBJECT_BIN: return bytes.map { .bytes(Array($0)) }
        case MSGPACK_OBJECT_ARRAY:
            let count = Int(object.via.array.size)
            var elements: [Value] = []
            elements.reserveCapacity(count)
            for index in 0..<count {
                guard let element = self[index].value else { return nil }
                elements.append(element)
            }
            return .array(elements)
        case MSGPACK_OBJECT_MAP:
            let count = Int(object.via.map.size)
            var members = [String: Value](minimumCapacity: count)
            for index in 0..<count {
                let pair = object.via.map.ptr[index]
                guard let key = MessagePackView(pair.key).string,
                    let member = MessagePackView(pair.val).value
                else { return nil }
                members[key] = member
            }
            return .map(members)
        default: return nil
        }
    }
}

/// Decodes the one document in `bytes` and calls `body` with it.
///
/// The view and the bytes it points to are valid during the call only.
public func withMessagePack<Result>(
    _ bytes: UnsafeRawBufferPointer,
    limits: MessagePackLimits = MessagePackLimits(),
    _ body: (MessagePackView) throws -> Result
) throws -> Result {
    try limits.scan(bytes)
    return try unpack(bytes, body)
}

/// As ``withMessagePack(_:limits:_:)``, of bytes that a scan has let through.
private func unpack<Result>(
    _ bytes: UnsafeRawBufferPointer,
    _ body: (MessagePackView) throws -> Result
) throws -> Result {
    var unpacked = msgpack_unpacked()
    msgpack_unpacked_init(&unpacked)
    defer { msgpack_unpacked_destroy(&unpacked) }
    var offset = 0
    let start = bytes.assumingMemoryBound(to: CChar.self).baseAddress
    guard msgpack_unpack_next(&unpacked, start, bytes.count, &offset) == MSGPACK_UNPACK_SUCCESS
    else { throw MessagePackError.refusedByLibrary }
    return try body(MessagePackView(unpacked.data))
}

extension Value {
    /// Decodes the one document in `bytes`.
    ///
    /// - Throws: ``MessagePackError``.
    public init(
        messagePack bytes: UnsafeRawBufferPointer,
        limits: MessagePackLimits = MessagePackLimits()
    ) throws {
        self = try withMessagePack(bytes, limits: limits) { view in
            guard let value = view.value else { throw MessagePackError.invalidText(offset: 0) }
            return value
        }
    }

    /// Decodes the one document in `bytes`.
    ///
    /// - Throws: ``MessagePackError``.
    public init(
        messagePack bytes: [UInt8],
        limits: MessagePackLimits = MessagePackLimits()
    ) throws {
        self = try bytes.withUnsafeBytes { try Value(messagePack: $0, limits: limits) }
    }
}

extension MessagePackReader {
    /// The next item and all that is in it, as a value.
    ///
    /// - Throws: ``MessagePackError``; then the reader stands where it stood.
    public mutating func value(
        limits: MessagePackLimits = MessagePackLimits()
    ) throws -> Value {
        var ahead = self
        let value = try unpack(try ahead.item(limits: limits)) { view in
            guard let value = view.value else { throw MessagePackError.invalidText(offset: 0) }
            return value
        }
        self = ahead
        return value
    }
}

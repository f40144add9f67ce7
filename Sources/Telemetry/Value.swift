/// A value of any shape: parameters, session data, descriptions; what JSON and MessagePack share.
public enum Value: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case array([Value])
    case map([String: Value])
}

extension Value {
    /// The member `key` of a map, nil for anything else.
    public subscript(key: String) -> Value? {
        guard case .map(let members) = self else { return nil }
        return members[key]
    }

    /// The text, nil for any other shape.
    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The integer, also of a double that is one; nil for any other shape.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The number as a double, nil for any other shape.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The truth value, nil for any other shape.
    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The bytes, nil for any other shape.
    public var bytes: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    /// The elements of an array, nil for any other shape.
    public var array: [Value]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members of a map, nil for any other shape.
    public var map: [String: Value]? {
        guard case .map(let members) = self else { return nil }
        return members
    }

    /// An instant in nanoseconds, nil for any other shape.
    public var timestamp: Timestamp? { int.map(Timestamp.init(nanoseconds:)) }

    /// The instant as integer nanoseconds.
    public static func timestamp(_ instant: Timestamp) -> Value { .int(instant.nanoseconds) }

    /// The value, or null for nil.
    public static func optional(_ text: String?) -> Value { text.map(Value.string) ?? .null }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByFloatLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// An array.
    public init(arrayLiteral elements: Value...) { self = .array(elements) }
    /// A map; of a key that stands twice the last value holds.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self = .map(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

/// Why bytes are refused before anything is made of them.
public enum MessagePackError: Error, Hashable, Sendable, CustomStringConvertible {
    /// An item is longer than the bytes that are there.
    case truncated(offset: Int)
    /// A type that Cerro never sends: an extension, or the reserved byte C1.
    case unexpectedType(offset: Int, byte: UInt8)
    /// Arrays or maps inside each other beyond the limit.
    case tooDeep(offset: Int, limit: Int)
    /// More items than the limit.
    case tooManyItems(limit: Int)
    /// Bytes behind the one item.
    case trailingBytes(offset: Int)
    /// A key that is no text, or text that is no UTF-8.
    case invalidText(offset: Int)
    /// libmsgpack-c refused what the scan let through.
    case refusedByLibrary

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .truncated(let offset): "MessagePack ends early: item at byte \(offset)"
        case .unexpectedType(let offset, let byte):
            "MessagePack type \(String(byte, radix: 16)) at byte \(offset) is not used here"
        case .tooDeep(let offset, let limit):
            "MessagePack nests deeper than \(limit) at byte \(offset)"
        case .tooManyItems(let limit): "MessagePack has more than \(limit) items"
        case .trailingBytes(let offset): "MessagePack ends at byte \(offset), bytes follow"
        case .invalidText(let offset): "text is not UTF-8 at byte \(offset)"
        case .refusedByLibrary: "MessagePack is malformed"
        }
    }
}

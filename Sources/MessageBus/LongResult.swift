public import MessagePack
public import Telemetry

/// What was asked for, where it is long: written straight into the bytes of the reply.
public struct LongResult: Sendable {
    /// About how many bytes it takes; what is longer is moved as it grows.
    let byteCount: Int
    let write: @Sendable (inout MessagePackWriter) -> Void

    /// A result of about so many bytes, which `write` writes as one item.
    public init(byteCount: Int, write: @escaping @Sendable (inout MessagePackWriter) -> Void) {
        self.byteCount = byteCount
        self.write = write
    }

    /// The result as a value.
    ///
    /// - Throws: `MessagePackError`.
    public var value: Value {
        get throws {
            var writer = MessagePackWriter(capacity: byteCount)
            write(&writer)
            return try writer.withBytes {
                try Value(messagePack: $0, limits: MessagePackLimits(items: BusLimits.replyItems))
            }
        }
    }
}

internal import CMsgPack
internal import Glibc
public import Telemetry

/// Writes MessagePack through libmsgpack-c into a buffer of its own, which is used again after
/// ``removeAll()``.
public struct MessagePackWriter: ~Copyable {
    private let buffer: UnsafeMutablePointer<msgpack_sbuffer>
    private var packer: msgpack_packer

    /// An empty writer, with room for so many bytes: what is longer is moved as it grows.
    public init(capacity: Int = 0) {
        buffer = .allocate(capacity: 1)
        msgpack_sbuffer_init(buffer)
        if capacity > 0, let place = malloc(capacity) {
            buffer.pointee.data = place.assumingMemoryBound(to: CChar.self)
            buffer.pointee.alloc = capacity
        }
        packer = msgpack_packer()
        msgpack_packer_init(&packer, buffer) { msgpack_sbuffer_write($0, $1, $2) }
    }

    deinit {
        msgpack_sbuffer_destroy(buffer)
        buffer.deallocate()
    }

    /// How many bytes are written.
    public var count: Int { buffer.pointee.size }

    /// Forgets what is written and keeps the memory.
    public mutating func removeAll() {
        msgpack_sbuffer_clear(buffer)
    }

    /// Calls `body` with what is written.
    public borrowing func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: buffer.pointee.data, count: buffer.pointee.size))
    }

    /// What is written, without a copy of it; the writer is empty then.
    public mutating func take() -> HeapBytes {
        let count = buffer.pointee.size
        return HeapBytes(adopting: msgpack_sbuffer_release(buffer), count: count)
    }

    /// A copy of what is written.
    public var bytes: [UInt8] { withBytes { Array($0) } }

    /// Writes null.
    public mutating func writeNull() { msgpack_pack_nil(&packer) }

    /// Writes a truth value.
    public mutating func write(_ value: Bool) {
        _ = value ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer)
    }

    /// Writes an integer in its shortest form.
    public mutating func write(_ value: Int64) { msgpack_pack_int64(&packer, value) }

    /// Writes a double in nine bytes, every bit of it.
    public mutating func write(_ value: Double) { msgpack_pack_double(&packer, value) }

    /// Writes a text.
    public mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            msgpack_pack_str(&packer, bytes.count)
            guard let start = bytes.baseAddress else { return }
            msgpack_pack_str_body(&packer, start, bytes.count)
        }
    }

    /// Writes bytes.
    public mutating func write(bytes: UnsafeRawBufferPointer) {
        msgpack_pack_bin(&packer, bytes.count)
        guard let start = bytes.baseAddress else { return }
        msgpack_pack_bin_body(&packer, start, bytes.count)
    }

    /// Begins an array; exactly `count` items have to follow.
    public mutating func beginArray(_ count: Int) { msgpack_pack_array(&packer, count) }

    /// Begins a map; exactly `count` pairs have to follow.
    public mutating func beginMap(_ count: Int) { msgpack_pack_map(&packer, count) }

    /// Writes a value of any shape; the members of a map in the order of their keys, so that equal
    /// values are equal bytes.
    public mutating func write(_ value: Value) {
        switch value {
        case .null: writeNull()
        case .bool(let value): write(value)
        case .int(let value): write(value)
        case .double(let value): write(value)
        case .string(let text): write(text)
        case .bytes(let bytes): bytes.withUnsafeBytes { write(bytes: $0) }
        case .array(let elements):
            beginArray(elements.count)
            for element in elements { write(element) }
        case .map(let members):
            beginMap(members.count)
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                write(key)
                write(member)
            }
        }
    }
}

extension Value {
    /// The bytes that it takes as MessagePack at most.
    public var longestMessagePack: Int {
        switch self {
        case .null, .bool, .int, .double: 9
        case .string(let text): 5 + text.utf8.count
        case .bytes(let bytes): 5 + bytes.count
        case .array(let elements): elements.reduce(5) { $0 + $1.longestMessagePack }
        case .map(let members):
            members.reduce(5) { $0 + 5 + $1.key.utf8.count + $1.value.longestMessagePack }
        }
    }

    /// The value as MessagePack.
    public var messagePack: [UInt8] {
        var writer = MessagePackWriter()
        writer.write(self)
        return writer.bytes
    }
}

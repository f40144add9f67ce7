/// Bytes that are written one behind the other, in memory that is used again.
final class ByteBuffer {
    private(set) var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// How many bytes are written.
    private(set) var count = 0

    init(capacity: Int = 4096) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit {
        base.deallocate()
    }

    /// What is written; valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Forgets what is written, and keeps the memory.
    func removeAll() { count = 0 }

    /// Takes back all but the first bytes.
    func cut(to count: Int) {
        precondition(count <= self.count)
        self.count = count
    }

    /// Where the next bytes go: `room` of them can be written there; ``advance(_:)`` counts them.
    func place(for room: Int) -> UnsafeMutableRawPointer {
        if capacity - count < room {
            let larger = max(count + room, 2 * capacity)
            let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
            moved.copyMemory(from: base, byteCount: count)
            base.deallocate()
            base = moved
            capacity = larger
        }
        return base + count
    }

    /// Counts bytes that were written at the ``place(for:)``.
    func advance(_ written: Int) {
        precondition(written <= capacity - count)
        count += written
    }

    /// Writes one byte.
    func append(byte: UInt8) {
        place(for: 1).storeBytes(of: byte, as: UInt8.self)
        count += 1
    }

    /// Writes a number, its lowest byte first.
    func append(_ number: some FixedWidthInteger & BitwiseCopyable) {
        withUnsafeBytes(of: number.littleEndian) { append($0) }
    }

    /// Writes bytes.
    func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        place(for: bytes.count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }
}

internal import Glibc

/// Bytes that come a few at a time and are read as one array at the end.
///
/// They stand in pieces, each half of what was there before: nothing is moved while they grow, and
/// the room that is not used is a third at most, or a piece of the smallest size.
struct GrowingBytes: ~Copyable {
    /// The pieces; the last one is filled up to ``next``.
    private var pieces: [UnsafeMutableRawBufferPointer] = []
    /// Where the next bytes go, and how many fit there.
    private var next: UnsafeMutableRawPointer?
    private var room = 0
    private var capacity = 0

    /// The smallest piece.
    private static let leastPiece = 512

    init() {}

    deinit {
        for piece in pieces { piece.deallocate() }
    }

    /// How many there are.
    var count: Int { capacity - room }

    /// Appends `count` bytes.
    mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
        if room < count { beginPiece(for: count) }
        guard let place = next else { return }
        memcpy(place, bytes, count)
        next = place + count
        room -= count
    }

    /// Appends one value.
    @inline(__always)
    mutating func append<Value: BitwiseCopyable>(_ value: Value) {
        let length = MemoryLayout<Value>.size
        if room < length { beginPiece(for: length) }
        guard let place = next else { return }
        place.storeBytes(of: value, as: Value.self)
        next = place + length
        room -= length
    }

    /// Appends `count` values, of which one stands every `stride` bytes.
    @inline(__always)
    mutating func append<Value: BitwiseCopyable>(
        _ bytes: UnsafeRawPointer,
        _ count: Int,
        _ type: Value.Type,
        stride: Int
    ) {
        let length = count * MemoryLayout<Value>.size
        if room < length { beginPiece(for: length) }
        guard var place = next else { return }
        var source = bytes
        for _ in 0..<count {
            place.storeBytes(of: source.loadUnaligned(as: Value.self), as: Value.self)
            place += MemoryLayout<Value>.size
            source += stride
        }
        next = place
        room -= length
    }

    /// Appends some bytes.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if let start = bytes.baseAddress { append(start, bytes.count) }
    }

    /// Appends the bytes of some values.
    mutating func append<Value: BitwiseCopyable>(_ values: ArraySlice<Value>) {
        values.withUnsafeBytes { append($0) }
    }

    @inline(never)
    private mutating func beginPiece(for more: Int) {
        // What the last piece had left is not used: it is made shorter.
        if let last = pieces.indices.last {
            pieces[last] = .init(rebasing: pieces[last][..<(pieces[last].count - room)])
        }
        capacity -= room
        let length = max(more, capacity / 2 & ~7, Self.leastPiece)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 8)
        pieces.append(piece)
        (next, room) = (piece.baseAddress, length)
        capacity += length
    }

    /// All of them as values, which are that many bytes each.
    func array<Value: BitwiseCopyable>(of type: Value.Type = Value.self) -> [Value] {
        [Value](unsafeUninitializedCapacity: count / MemoryLayout<Value>.stride) { buffer, filled in
            var free = UnsafeMutableRawBufferPointer(buffer)
            forEachPiece {
                free.copyMemory(from: $0)
                free = .init(rebasing: free[$0.count...])
            }
            filled = count / MemoryLayout<Value>.stride
        }
    }

    /// Calls `body` with one piece after the other.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) {
        for (index, piece) in pieces.enumerated() {
            let unused = index == pieces.count - 1 ? room : 0
            body(UnsafeRawBufferPointer(rebasing: piece[..<(piece.count - unused)]))
        }
    }

    /// The same bytes in other memory.
    func copy() -> GrowingBytes {
        var copy = GrowingBytes()
        forEachPiece { copy.append($0) }
        return copy
    }
}

/// Values that come a few at a time and are read as one array at the end.
///
/// They stand in pieces, each a quarter of what was there before: nothing is moved while they grow,
/// and the room that is not used is a fifth at most, or a piece of the smallest size.
struct GrowingValues<Element: BitwiseCopyable> {
    private var pieces: [[Element]] = []
    private var open: [Element] = []
    private var before = 0

    /// The smallest piece, in values.
    private static var leastPiece: Int { 64 }

    /// How many there are.
    var count: Int { before + open.count }

    /// All of them.
    var array: [Element] {
        guard !pieces.isEmpty else { return open }
        return [Element](unsafeUninitializedCapacity: count) { buffer, filled in
            for piece in pieces + [open] {
                let free = UnsafeMutableBufferPointer(rebasing: buffer[filled...])
                filled += free.update(fromContentsOf: piece)
            }
        }
    }

    /// Makes room for so many at once; then they are one piece.
    mutating func reserveCapacity(_ count: Int) {
        if pieces.isEmpty { open.reserveCapacity(count) }
    }

    @inline(__always)
    mutating func append(_ value: Element) {
        if open.count == open.capacity { beginPiece(for: 1) }
        open.append(value)
    }

    mutating func append(contentsOf values: some Collection<Element>) {
        if open.capacity - open.count < values.count { beginPiece(for: values.count) }
        open.append(contentsOf: values)
    }

    /// Appends values as they stand in `bytes`, without alignment.
    ///
    /// Little-endian, as every machine is that Swift and libzmq are built for here.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer, rows: Int) {
        if open.capacity - open.count < rows { beginPiece(for: rows) }
        if rows == 1 {
            open.append(bytes.loadUnaligned(as: Element.self))
        } else {
            open.append(addingCapacity: rows) { span in
                span.withUnsafeMutableBufferPointer { buffer, count in
                    let free = UnsafeMutableBufferPointer(rebasing: buffer[count...])
                    UnsafeMutableRawBufferPointer(free).copyMemory(from: bytes)
                    count += rows
                }
            }
        }
    }

    @inline(never)
    private mutating func beginPiece(for more: Int) {
        if !open.isEmpty {
            before += open.count
            pieces.append(open)
        }
        open = []
        open.reserveCapacity(max(more, before / 4, Self.leastPiece))
    }
}

extension GrowingValues: Sendable where Element: Sendable {}

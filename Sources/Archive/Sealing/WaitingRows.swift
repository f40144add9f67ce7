internal import ArchiveFormat
internal import Glibc

/// Rows of one layout, as their records had them, until there are enough to go into columns.
struct WaitingRows: ~Copyable {
    /// Bytes of rows that wait at most, or one row: those of many feeds fit a processor's cache.
    static let longest = 4096

    private var memory: UnsafeMutableRawPointer?
    /// Where the values stand in each.
    private var places: UnsafeMutablePointer<Int32>?
    private var layout = 0, rowLength = 0
    /// How many wait, and how many more may.
    private(set) var count = 0
    private var room = 0

    deinit {
        memory?.deallocate()
        places?.deallocate()
    }

    /// Whether a row can wait with those that do.
    @inline(__always)
    func fits(_ row: KnownRows) -> Bool { row.layout == layout && room > 0 }

    /// Makes room for rows that look like this one; none may wait.
    mutating func begin(with row: KnownRows, columns: Int) {
        precondition(count == 0)
        if layout != row.layout {
            memory?.deallocate()
            memory = .allocate(byteCount: max(Self.longest, row.byteCount), alignment: 8)
            // Copied, since the layout may be gone when the rows are taken.
            places?.deallocate()
            places = .allocate(capacity: 1 + columns)
            places?.initialize(from: row.places, count: 1 + columns)
            (layout, rowLength) = (row.layout, row.byteCount)
        }
        room = max(1, Self.longest / rowLength)
    }

    /// Has a row wait that ``fits(_:)``.
    @inline(__always)
    mutating func append(_ row: KnownRows) {
        guard let memory else { return }
        memcpy(memory + count &* rowLength, row.start, rowLength)
        count &+= 1
        room &-= 1
    }

    /// Lets all rows go; nil if none waits.
    ///
    /// They are valid until the next one waits.
    mutating func take() -> KnownRows? {
        guard count > 0, let memory, let places else { return nil }
        defer { (count, room) = (0, 0) }
        return KnownRows(
            layout: layout,
            start: memory,
            places: places,
            byteCount: rowLength,
            count: count
        )
    }
}

internal import Glibc

/// Bytes from `malloc` that have one owner, who may hand them to a C library to free.
public struct HeapBytes: ~Copyable {
    private let place: UnsafeMutableRawPointer?
    /// How many they are.
    public let count: Int

    /// Takes over `place`, which came from `malloc`.
    init(adopting place: UnsafeMutableRawPointer?, count: Int) {
        self.place = place
        self.count = count
    }

    deinit {
        free(place)
    }

    /// Calls `body` with the bytes.
    public borrowing func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        body(UnsafeRawBufferPointer(start: place, count: count))
    }

    /// Hands over the bytes, which the taker frees.
    public consuming func take() -> UnsafeMutableRawBufferPointer {
        let bytes = UnsafeMutableRawBufferPointer(start: place, count: count)
        discard self
        return bytes
    }
}

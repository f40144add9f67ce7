internal import Glibc

/// Small files as they stand.
enum FileBytes {
    /// All bytes of a file; nil if it cannot be read or has more than `most`.
    static func read(_ path: String, atMost most: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size <= most else { return nil }
        let size = Int(status.st_size)
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let done = Glibc.read(
                    descriptor,
                    buffer.baseAddress?.advanced(by: count),
                    size - count
                )
                guard done > 0 else { return }
                count += done
            }
        }
        return bytes.count == size ? bytes : nil
    }
}

internal import Foundation

/// The file that keeps what one instance writes, bounded: a full one is put aside as `.log.1`.
struct LogFile: ~Copyable {
    private let path: String
    private let mostBytes: Int
    private var descriptor: Int32
    private var size: Int

    /// Opens or creates the file; its folder has to be there.
    init(path: String, mostBytes: Int = Limits.logFileBytes) throws(CommandFailure) {
        self.path = path
        self.mostBytes = mostBytes
        (descriptor, size) = try Self.open(path)
    }

    deinit { close(descriptor) }

    /// Appends bytes as they come; a disk that takes none loses them, as nothing else can be done.
    mutating func append(_ bytes: ArraySlice<UInt8>) {
        if size + bytes.count > mostBytes, size > 0 { putAside() }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
            size += count
        }
    }

    private mutating func putAside() {
        guard rename(path, path + ".1") == 0, let (fresh, size) = try? Self.open(path) else {
            return
        }
        close(descriptor)
        (descriptor, self.size) = (fresh, size)
    }

    private static func open(_ path: String) throws(CommandFailure) -> (Int32, Int) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
        let descriptor = Foundation.open(path, flags, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure(
                .failed,
                "\(path) cannot be opened for writing: \(String(cString: strerror(errno))). Give "
                    + "the user who runs Cerro write access to its folder, or move the spool"
            )
        }
        return (descriptor, Int(lseek(descriptor, 0, SEEK_END)))
    }
}

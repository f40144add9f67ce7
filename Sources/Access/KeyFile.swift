internal import Glibc

/// Small files whose mode matters.
enum KeyFile {
    /// The text of a file that nobody but its owner may use in the `forbidden` ways.
    ///
    /// The mode is asked of the file that is open: nothing can come in between.
    static func read(
        _ path: String,
        most: Int,
        forbidden: mode_t,
        repair: String,
        advice: String
    ) throws(AccessError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw .missing(path: path, advice: advice) }
            throw failure(path, "open")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path, "fstat") }
        guard status.st_mode & forbidden == 0 else {
            throw .exposed(path: path, mode: mode(status), advice: repair)
        }
        var bytes = [UInt8](repeating: 0, count: most + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure(path, "read") }
            if got == 0 { break }
            count += got
        }
        guard count <= most, let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw .failed(
                path: path,
                call: "read",
                reason: "it has more than \(most) bytes, or is not UTF-8"
            )
        }
        return text
    }

    /// Makes the folder of keys, for its owner alone; one that is there must not be open to others.
    static func makeFolder(_ path: String) throws(AccessError) {
        if mkdir(path, 0o700) == 0 { return }
        guard errno == EEXIST else { throw failure(path, "mkdir") }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(path, "stat") }
        guard status.st_mode & 0o077 == 0 else {
            throw .exposed(path: path, mode: mode(status), advice: "chmod 700 \(path)")
        }
    }

    /// Makes a file that is not there yet, synced with its folder.
    static func create(_ path: String, _ text: String, mode: mode_t) throws(AccessError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw .exists(path: path) }
            throw failure(path, "open")
        }
        defer { close(descriptor) }
        // Whatever the caller's umask is.
        guard fchmod(descriptor, mode) == 0 else { throw failure(path, "fchmod") }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let put = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw failure(path, "write") }
            bytes = bytes.dropFirst(put)
        }
        guard fsync(descriptor) == 0 else { throw failure(path, "fsync") }
        try syncFolder(of: path)
    }

    /// Puts a text into a file in one step that survives a power cut.
    static func replace(_ path: String, _ text: String, mode: mode_t) throws(AccessError) {
        let beside = path + ".new"
        unlink(beside)
        try create(beside, text, mode: mode)
        guard rename(beside, path) == 0 else { throw failure(path, "rename") }
        try syncFolder(of: path)
    }

    private static func syncFolder(of path: String) throws(AccessError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let folder = parts.joined(separator: "/")
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder, "open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder, "fsync") }
    }

    private static func mode(_ status: stat) -> String {
        "0" + String(status.st_mode & 0o777, radix: 8)
    }

    private static func failure(_ path: String, _ call: String) -> AccessError {
        .failed(path: path, call: call, reason: String(cString: strerror(errno)))
    }
}

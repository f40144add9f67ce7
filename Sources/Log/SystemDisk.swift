internal import Glibc

/// The disks of the machine.
public struct SystemDisk: Disk {
    /// The disks of the machine.
    public init() {}

    /// mkdir(2), and fsync(2) of the folder above.
    public func createFolder(_ folder: String) throws(DiskError) {
        let above = Self.above(folder)
        if mkdir(folder, 0o750) == 0 { return try syncFolder(above) }
        switch errno {
        case EEXIST:
            // Whoever made it may have died before its sync; others' folders may refuse that.
            try? syncFolder(above)
        case ENOENT where above != "/" && above != ".":
            try createFolder(above)
            guard mkdir(folder, 0o750) == 0 || errno == EEXIST else {
                throw .last("mkdir", folder)
            }
            try syncFolder(above)
        default:
            throw .last("mkdir", folder)
        }
    }

    /// The folder that `path` lies in.
    private static func above(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// readdir(3).
    public func names(in folder: String) throws(DiskError) -> [String] {
        guard let stream = opendir(folder) else { throw .last("opendir", folder) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw .last("readdir", folder) }
        return names.sorted()
    }

    /// fsync(2) of the directory.
    public func syncFolder(_ folder: String) throws(DiskError) {
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("fsync", folder) }
    }

    /// open(2), with O_CLOEXEC and for writing at the end O_APPEND.
    public func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .append: O_RDWR | O_APPEND
            case .create: O_RDWR | O_APPEND | O_CREAT | O_EXCL
            case .overwrite: O_RDWR
            }
        let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .last("open", path) }
        return SystemFile(path: path, descriptor: descriptor)
    }

    /// unlink(2).
    public func remove(_ path: String) throws(DiskError) {
        guard unlink(path) == 0 else { throw .last("unlink", path) }
    }

    /// rename(2).
    public func rename(_ path: String, to target: String) throws(DiskError) {
        guard Glibc.rename(path, target) == 0 else { throw .last("rename", path) }
    }

    /// flock(2), which ends with the process however it ends.
    public func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .last("open", path) }
        let file = SystemFile(path: path, descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw .last("flock", path) }
            let text = try file.bytes(0..<Limits.holderText)
            throw .locked(path: path, holder: String(decoding: text, as: UTF8.self))
        }
        guard ftruncate(descriptor, 0) == 0 else { throw .last("ftruncate", path) }
        let text = Array(holder.utf8.prefix(Limits.holderText))
        // A full disk must not keep an agent from starting: the text is only for people.
        _ = text.withUnsafeBytes { bytes in
            pwrite(descriptor, bytes.baseAddress, bytes.count, 0)
        }
        return SystemLock(file)
    }

    /// statvfs(3).
    public func freeBytes(in folder: String) throws(DiskError) -> Int {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { throw .last("statvfs", folder) }
        return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    /// The type of the mount, by /proc/self/mounts.
    public func isRemote(_ folder: String) throws(DiskError) -> Bool {
        guard let resolved = realpath(folder, nil) else { throw .last("realpath", folder) }
        defer { free(resolved) }
        let path = String(cString: resolved)
        let mounts = SystemFile(
            path: "/proc/self/mounts",
            descriptor: Glibc.open("/proc/self/mounts", O_RDONLY)
        )
        let text = try mounts.bytes(0..<Limits.table)
        var longest = (length: -1, type: Substring())
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            // Device, folder and type; of two that are mounted at one folder the later one counts.
            let parts = line.split(separator: " ")
            guard parts.count > 2 else { continue }
            let folder = parts[1] == "/" ? "" : parts[1]
            guard folder.utf8.count >= longest.length, "\(path)/".hasPrefix("\(folder)/") else {
                continue
            }
            longest = (folder.utf8.count, parts[2])
        }
        return ["nfs", "smb", "cifs"].contains { longest.type.hasPrefix($0) }
    }
}

/// A file of the machine.
final class SystemFile: SegmentFile {
    let path: String
    fileprivate let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func size() throws(DiskError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
        return status.st_size
    }

    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int {
        let vectors = pieces.map { piece in
            iovec(
                iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress),
                iov_len: piece.count
            )
        }
        while true {
            let count = writev(descriptor, vectors, Int32(vectors.count))
            if count >= 0 { return count }
            guard errno == EINTR else { throw .last("write", path) }
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            let count = pread(descriptor, base + done, buffer.count - done, offset + done)
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw .last("read", path)
            }
        }
        return done
    }

    func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(descriptor, base + done, bytes.count - done, offset + done)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw .last("write", path)
            }
        }
    }

    func sync() throws(DiskError) {
        guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
    }
}

/// A lock of flock(2), which the kernel lets go when the process dies, however it dies.
private final class SystemLock: FolderLock {
    private let file: SystemFile

    init(_ file: SystemFile) {
        self.file = file
    }

    /// To close the file is not enough: a child that is just being started has it open as well.
    deinit { unlock() }

    func unlock() {
        flock(file.descriptor, LOCK_UN)
    }
}

extension DiskError {
    /// What errno says about the call that just failed.
    fileprivate static func last(_ call: String, _ path: String) -> DiskError {
        let code = errno
        switch code {
        case ENOENT: return .missing(path: path)
        case EEXIST: return .exists(path: path)
        case ENOSPC, EDQUOT: return .full(path: path, during: call)
        default:
            return .failed(
                path: path,
                during: call,
                code: code,
                text: String(cString: strerror(code))
            )
        }
    }
}

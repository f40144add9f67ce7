internal import Glibc

/// The small files and folders below one root in which a Linux host tells about itself.
struct HostFiles: Sendable {
    /// What stands before `/proc` and `/sys`; empty for the machine's own.
    let root: String

    /// The files below `root`; a `/` at its end means nothing.
    init(root: String) {
        self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    /// The text of a file, at most `Limits.largestStatusFile` bytes; nil if it cannot be read.
    func text(_ path: String) -> String? {
        let file = open(root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        while bytes.count < Limits.largestStatusFile {
            let piece = [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                count = max(0, read(file, buffer.baseAddress, buffer.count))
            }
            // A sensor that fails says so when it is read, as an error and not as its end.
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// The lines of a file, without the empty ones.
    func lines(_ path: String) -> [Substring] {
        text(path)?.split(separator: "\n").map(\.self) ?? []
    }

    /// A whole number in a file of its own.
    func integer(_ path: String) -> Int? { text(path).flatMap { Text.integer($0) } }

    /// The names in a folder, sorted; none if it cannot be read.
    func names(in path: String) -> [String] {
        guard let folder = opendir(root + path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The last part of what a symbolic link points to, nil if it is none.
    func linkTarget(_ path: String) -> String? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) { characters in
                guard let first = characters.baseAddress else { return 0 }
                return max(0, readlink(root + path, first, characters.count))
            }
        }
        let target = String(decoding: bytes, as: UTF8.self)
        return target.isEmpty ? nil : target.split(separator: "/").last.map(String.init)
    }

    /// Bytes in all and bytes free for users of the file system at `path`.
    func space(at path: String) -> (total: Int64, free: Int64)? {
        var status = statvfs()
        let place = root + path
        guard statvfs(place.isEmpty ? "/" : place, &status) == 0, status.f_blocks > 0 else {
            return nil
        }
        let unit = UInt64(status.f_frsize)
        return (
            Int64(clamping: UInt64(status.f_blocks) &* unit),
            Int64(clamping: UInt64(status.f_bavail) &* unit)
        )
    }
}

internal import Glibc

/// Notices that a file is another than before: put in its place, or written to.
public struct FileWatch: Sendable {
    /// The file.
    public let path: String
    private var stamp: Stamp?

    private struct Stamp: Equatable {
        let device: UInt, inode: UInt, size: Int
        let seconds: Int, nanoseconds: Int, changeSeconds: Int, changeNanoseconds: Int

        /// The stamp of the file at `path`; nil where there is none.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
            changeSeconds = status.st_ctim.tv_sec
            changeNanoseconds = status.st_ctim.tv_nsec
        }
    }

    /// A watch of the file at `path`, begun before that is read: a change in between is then seen
    /// at the next look.
    public init(_ path: String) {
        self.path = path
        stamp = Stamp(path)
    }

    /// Whether the file is another than at the last look.
    public mutating func look() -> Bool {
        let now = Stamp(path)
        defer { stamp = now }
        return now != stamp
    }
}

public import ArchiveFormat
public import Log

/// Why an archive cannot be opened, written or read.
public enum ArchiveError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The folder lies on another machine, where locks and fsync are promises.
    case remote(directory: String)
    /// What the disk said.
    case disk(DiskError)
    /// A sealed file that cannot be read.
    case sealedFile(path: String, SealedFileError)
    /// A chunk that cannot be read: its place, and what it is of.
    case chunk(path: String, offset: Int, of: String, ChunkError)
    /// The index cannot be read or written.
    case index(path: String, String)
    /// What is pinned cannot be read: nothing may be removed.
    case pins(String)
    /// The journal cannot be begun even in a new segment.
    case journal(String)
    /// Nobody waits for the answer any more.
    case stopped

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .remote(let directory):
            "\(directory): lies on a network file system (NFS or SMB), where a lock and an fsync "
                + "are no more than promises: give the archive a folder on a local disk"
        case .disk(let error): error.description
        case .sealedFile(let path, let error): "\(path): \(error)"
        case .chunk(let path, let offset, let subject, let error):
            "\(path): chunk at byte \(offset) (\(subject)) is damaged: \(error)"
        case .index(let path, let what):
            "\(path): \(what); delete it, or run `cerro archive reindex`: "
                + "it is rebuilt from the sealed files"
        case .pins(let what):
            "\(what)\nnothing is removed until the pins can be read"
        case .journal(let what): what
        case .stopped: "the question was given up before it was answered"
        }
    }
}

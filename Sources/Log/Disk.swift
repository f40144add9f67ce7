internal import Glibc

/// The file calls that logs and archives make, so that a test can refuse or forget any of them.
///
/// Every call blocks: none of them is made on a reactor. Paths are absolute or relative to the
/// working directory. An implementation may be called from several threads at once.
public protocol Disk: Sendable {
    /// Creates `folder` and those above it that are missing, so that they survive a power cut; one
    /// that is there is no error.
    func createFolder(_ folder: String) throws(DiskError)
    /// The names in `folder`, sorted by their bytes, without `.` and `..`.
    func names(in folder: String) throws(DiskError) -> [String]
    /// Makes the names in `folder` as they are now survive a power cut (fsync of the directory).
    func syncFolder(_ folder: String) throws(DiskError)
    /// Opens the file at `path`.
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile
    /// Deletes the file at `path`; those who have it open can go on reading it.
    func remove(_ path: String) throws(DiskError)
    /// Gives the file at `path` the name `target`, in one step, in place of what is there.
    func rename(_ path: String, to target: String) throws(DiskError)
    /// Locks the file at `path` for this process and writes `holder` into it, for those who are
    /// refused: they get ``DiskError/locked(path:holder:)``.
    func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock
    /// The bytes that a process without privileges can still write where `folder` lies.
    func freeBytes(in folder: String) throws(DiskError) -> Int
    /// Whether `folder` lies on another machine (NFS, SMB), where locks and fsync are promises.
    func isRemote(_ folder: String) throws(DiskError) -> Bool
}

/// How a file is opened.
public enum OpenMode: Sendable {
    /// An existing file, for reading.
    case read
    /// An existing file, for reading and for writing at its end.
    case append
    /// A file that is not there yet, for reading and for writing at its end.
    case create
    /// An existing file, for reading and for ``SegmentFile/overwrite(_:at:)``.
    case overwrite
}

/// An open file; it is closed when nobody holds it any more.
///
/// But for ``overwrite(_:at:)`` it only ever grows.
public protocol SegmentFile: AnyObject, Sendable {
    /// Where it was opened.
    var path: String { get }
    /// Its length in bytes.
    func size() throws(DiskError) -> Int
    /// Writes `pieces` at the end with one call (writev) and returns how many bytes of them are
    /// written: fewer than there are is a short write, after which the caller begins a new file.
    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int
    /// Fills `buffer` from byte `offset` on and returns how many bytes were there.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int
    /// Writes `bytes` over those that are there from byte `offset` on; this needs no new space.
    ///
    /// Only of a file that was opened so; all of `bytes` has to lie within it.
    func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError)
    /// Makes all that is written survive a power cut (fdatasync).
    ///
    /// After a failure nobody knows what of it will: the caller begins a new file.
    func sync() throws(DiskError)
}

/// A lock that is held until ``unlock()`` or until the process ends.
public protocol FolderLock: AnyObject, Sendable {
    /// Lets others have it.
    func unlock()
}

/// Why a disk did not do what it was told.
public enum DiskError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no such file or folder.
    case missing(path: String)
    /// A file is there already.
    case exists(path: String)
    /// No space, or none within the quota (ENOSPC, EDQUOT).
    case full(path: String, during: String)
    /// Another process holds the lock; `holder` is what it wrote into the file.
    case locked(path: String, holder: String)
    /// Anything else; `code` is errno and `text` its meaning.
    case failed(path: String, during: String, code: Int32, text: String)

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .missing(let path): "\(path): not there"
        case .exists(let path): "\(path): is there already"
        case .full(let path, let call):
            "\(path): no space left during \(call): free some, or give it a larger disk"
        case .locked(let path, let holder):
            "\(path): held by \(holder.isEmpty ? "another process" : holder); "
                + "only one may write here: stop the other one first"
        case .failed(let path, let call, let code, let text):
            "\(path): \(call) failed: \(text) (errno \(code))" + Self.advice(code)
        }
    }

    /// What to do about an error of the system, where a person can do something.
    private static func advice(_ code: Int32) -> String {
        switch code {
        case EACCES, EPERM:
            ". Give the user who runs Cerro access there, or name another folder in the site file"
        case EROFS: ". Mount that disk for writing, or name another folder in the site file"
        default: ""
        }
    }
}

extension Disk {
    /// All bytes of the file at `path`.
    public func contents(of path: String) throws(DiskError) -> [UInt8] {
        try open(path, .read).contents()
    }

    /// Puts `bytes` into the file at `path` in one step that survives a power cut: written beside
    /// it, synced, renamed, folder synced.
    public func replace(_ path: String, with bytes: [UInt8]) throws(DiskError) {
        let (folder, name) = Self.split(path)
        let beside = "\(folder)/.\(name).new"
        try removeIfThere(beside)
        try open(beside, .create).appendAll(bytes)
        try rename(beside, to: path)
        try syncFolder(folder)
    }

    /// Deletes the file at `path`; one that is not there is no error.
    public func removeIfThere(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            try remove(path)
        } catch {
            guard case .missing = error else { throw error }
        }
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }
}

extension SegmentFile {
    /// All bytes of the file.
    public func contents() throws(DiskError) -> [UInt8] {
        try bytes(0..<(try size()))
    }

    /// The bytes of `range` that are there.
    public func bytes(_ range: Range<Int>) throws(DiskError) -> [UInt8] {
        var failure: DiskError?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let room = UnsafeMutableRawBufferPointer(
                start: buffer.baseAddress,
                count: range.count
            )
            do throws(DiskError) {
                count = try read(into: room, at: range.lowerBound)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `bytes` at the end and syncs; a short write counts as a full disk.
    fileprivate func appendAll(_ bytes: [UInt8]) throws(DiskError) {
        let written = try bytes.withUnsafeBufferPointer { (buffer) throws(DiskError) -> Int in
            try append([UnsafeRawBufferPointer(buffer)])
        }
        guard written == bytes.count else { throw .full(path: path, during: "write") }
        try sync()
    }
}

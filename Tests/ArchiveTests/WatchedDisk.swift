import Log
import Synchronization

/// The real disk, which tells before it changes a name, and when names are listed.
final class WatchedDisk: Disk {
    private let disk = SystemDisk()
    private let watcher = Mutex<(@Sendable () -> Void)?>(nil)
    private let list = Mutex<(@Sendable ([String]) -> [String])?>(nil)

    func onChange(_ body: @escaping @Sendable () -> Void) { watcher.withLock { $0 = body } }

    /// Has each list of names go through `body` before whoever asked for it gets it.
    func onNames(_ body: @escaping @Sendable ([String]) -> [String]) { list.withLock { $0 = body } }

    private func tell() { watcher.withLock { $0 }?() }

    func createFolder(_ folder: String) throws(DiskError) { try disk.createFolder(folder) }
    func names(in folder: String) throws(DiskError) -> [String] {
        let names = try disk.names(in: folder)
        return list.withLock { $0 }?(names) ?? names
    }
    func syncFolder(_ folder: String) throws(DiskError) {
        tell()
        try disk.syncFolder(folder)
    }
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        try disk.open(path, mode)
    }
    func remove(_ path: String) throws(DiskError) {
        tell()
        try disk.remove(path)
    }
    func rename(_ path: String, to target: String) throws(DiskError) {
        tell()
        try disk.rename(path, to: target)
    }
    func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock {
        try disk.lock(path, holder: holder)
    }
    func freeBytes(in folder: String) throws(DiskError) -> Int { try disk.freeBytes(in: folder) }
    func isRemote(_ folder: String) throws(DiskError) -> Bool { try disk.isRemote(folder) }
}

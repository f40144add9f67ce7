internal import CerroTesting
internal import Synchronization

@testable import Log

/// A disk that refuses to open or to remove some files, whatever else it does.
struct RefusingDisk: Disk {
    let disk: SimulatedDisk
    let refuses: @Sendable (_ call: String, _ path: String) -> Bool

    init(disk: SimulatedDisk, refuses: @escaping @Sendable (String, String) -> Bool) {
        self.disk = disk
        self.refuses = refuses
    }

    private func check(_ call: String, _ path: String) throws(DiskError) {
        guard refuses(call, path) else { return }
        throw .failed(path: path, during: call, code: 5, text: "I/O error")
    }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        try check("open", path)
        return try disk.open(path, mode)
    }

    func remove(_ path: String) throws(DiskError) {
        if !disk.bytes(of: path).isEmpty { try check("unlink", path) }
        try disk.remove(path)
    }

    func createFolder(_ folder: String) throws(DiskError) { try disk.createFolder(folder) }
    func names(in folder: String) throws(DiskError) -> [String] { try disk.names(in: folder) }
    func syncFolder(_ folder: String) throws(DiskError) { try disk.syncFolder(folder) }
    func freeBytes(in folder: String) throws(DiskError) -> Int { try disk.freeBytes(in: folder) }
    func isRemote(_ folder: String) throws(DiskError) -> Bool { try disk.isRemote(folder) }

    func rename(_ path: String, to target: String) throws(DiskError) {
        try disk.rename(path, to: target)
    }

    func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock {
        try disk.lock(path, holder: holder)
    }
}

/// Set until it is cleared, on whichever thread.
final class Flag: Sendable {
    private let value = Atomic(true)

    var isSet: Bool { value.load(ordering: .acquiring) }

    func clear() { value.store(false, ordering: .releasing) }
}

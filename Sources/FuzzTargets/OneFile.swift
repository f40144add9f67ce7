internal import Archive
internal import ArchiveFormat
internal import Log
internal import Telemetry

/// A disk with one archive of one file, which can only be read.
final class OneFile: Disk, SegmentFile {
    /// What the file is.
    enum Kind: String {
        case sealed = "cerro", journal
    }

    let path: String
    private let bytes: [UInt8]

    private init(_ kind: Kind, _ bytes: [UInt8]) {
        path = "/a/2026/11/21/055000-18ea8a43aa1d1a0000000002.\(kind.rawValue)"
        self.bytes = bytes
    }

    /// Reads all of a file in every way that the archive's tools do.
    static func read(_ kind: Kind, _ bytes: [UInt8]) {
        let disk = OneFile(kind, bytes)
        let directory = ArchiveDirectory("/a", disk: disk)
        _ = try? ArchiveTool.verify(directory) { _ in }
        _ = try? ArchiveTool.cat(String(disk.path.dropFirst(3)), in: directory) { _ in }
        guard kind == .sealed else { return }
        _ = try? ArchiveTool.repair(
            directory,
            isDryRun: true,
            holder: "fuzz",
            now: Timestamp(seconds: 1_795_241_400)
        )
        guard let file = try? SealedFile.open(disk.path, disk: disk) else { return }
        for timeline in file.footer.timelines {
            let fields = Array(timeline.feed.fields.indices)
            let all = Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max)
            _ = try? file.columns(timeline, fields: fields, range: all)
        }
    }

    private var refusal: DiskError { .missing(path: path) }

    func createFolder(_ folder: String) throws(DiskError) {}

    func names(in folder: String) throws(DiskError) -> [String] {
        let rest = path.dropFirst(folder.count)
        guard path.hasPrefix(folder), rest.hasPrefix("/") else { throw refusal }
        return [rest.dropFirst().prefix { $0 != "/" }].map(String.init)
    }

    func syncFolder(_ folder: String) throws(DiskError) {}

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        guard path == self.path, case .read = mode else { throw .missing(path: path) }
        return self
    }

    func remove(_ path: String) throws(DiskError) { throw refusal }

    func rename(_ path: String, to target: String) throws(DiskError) { throw refusal }

    func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock { NoLock() }

    func freeBytes(in folder: String) throws(DiskError) -> Int { 1 << 30 }

    func isRemote(_ folder: String) throws(DiskError) -> Bool { false }

    func size() throws(DiskError) -> Int { bytes.count }

    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int { throw refusal }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(DiskError) -> Int {
        guard offset >= 0, offset < bytes.count else { return 0 }
        let count = min(buffer.count, bytes.count - offset)
        bytes.withUnsafeBytes { bytes in
            buffer.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
            )
        }
        return count
    }

    func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        throw refusal
    }

    func sync() throws(DiskError) {}
}

/// Nobody else is there.
private final class NoLock: FolderLock {
    func unlock() {}
}

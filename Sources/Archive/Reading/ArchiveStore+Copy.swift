internal import FoundationEssentials
internal import Log
internal import Telemetry

extension ArchiveStore {
    /// Opens an archive for reading beside its reader, which holds the index.
    ///
    /// `folder`, which is there and empty, takes a copy of the index: what the reader has indexed
    /// is not read again, and nothing is written to the archive.
    ///
    /// - Parameters:
    ///   - directory: the archive.
    ///   - folder: where the copy is put; whoever made the folder deletes it.
    ///   - cache: bytes of chunks to keep.
    ///   - progress: called with the number of files that are indexed and of those to index.
    /// - Throws: ``ArchiveError`` if neither the copy nor a new index can be used.
    public convenience init(
        _ directory: ArchiveDirectory,
        withIndexIn folder: String,
        cache: Int,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) {
        let path = "\(folder)/index.sqlite"
        for _ in 0..<Limits.restarts where Self.copyIndex(of: directory, to: path) { break }
        let open = cache / Limits.openShare
        try self.init(
            directory,
            index: try ArchiveIndex(directory, path: path),
            lock: nil,
            chunkBytes: cache - open,
            openBytes: max(open, Limits.leastOpenBytes),
            progress: progress
        )
    }

    /// False if the reader wrote to it meanwhile, or if there is none.
    ///
    /// A copy that does not have its checksum is filled anew from the files.
    private static func copyIndex(of directory: ArchiveDirectory, to path: String) -> Bool {
        let index = "\(directory.path)/index.sqlite"
        ArchiveIndex.delete(path)
        guard let before = try? directory.disk.contents(of: index + ".sum") else { return false }
        do {
            try FileManager.default.copyItem(atPath: index, toPath: path)
            try FileManager.default.copyItem(atPath: index + ".sum", toPath: path + ".sum")
            return try directory.disk.contents(of: path + ".sum") == before
        } catch {
            return false
        }
    }
}

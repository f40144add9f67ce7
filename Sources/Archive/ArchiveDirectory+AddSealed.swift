public import ArchiveFormat
internal import Log
public import Telemetry

extension ArchiveDirectory {
    /// Adds a sealed file that no journal was the source of; the caller holds the lock.
    ///
    /// It stands where the first instant of `received` says. `body` adds what it holds; where that
    /// throws, there is no file.
    ///
    /// - Returns: the path of the file, relative to the archive.
    @discardableResult
    public func addSealed(
        archive: String,
        received: (from: Timestamp, to: Timestamp),
        _ body: (inout SealedFileBuilder) throws -> Void
    ) throws -> String {
        let file = ArchiveFile.segment(created: received.from)
        let footer = SealedFooter(
            id: Self.randomID(),
            archive: archive,
            created: received.to,
            sources: [file.id],
            receivedFrom: received.from,
            receivedTo: received.to
        )
        try disk.createFolder("\(path)/\(file.day)")
        try writeSealed(file, footer) { builder in
            try body(&builder)
            return true
        }
        return file.sealed.path
    }

    /// Writes the sealed file of `file` beside, syncs it, gives it its name, and looks whether the
    /// disk has its end.
    ///
    /// `body` adds what it holds, and returns whether there is anything to keep: else, and where
    /// it throws, there is no file.
    ///
    /// - Returns: what the file says about itself; nil where there is none.
    @discardableResult
    func writeSealed(
        _ file: ArchiveFile,
        _ footer: SealedFooter,
        _ body: (inout SealedFileBuilder) throws -> Bool
    ) throws -> SealedFooter? {
        let beside = "\(path)/\(file.day)/.\(file.sealed.stem).new"
        try disk.removeIfThere(beside)
        do {
            let output = BufferedFile(try disk.open(beside, .create))
            var builder = try SealedFileBuilder(footer) { try output.write($0) }
            guard try body(&builder) else {
                try disk.removeIfThere(beside)
                return nil
            }
            let footer = try builder.finish()
            try output.finish()
            try disk.rename(beside, to: full(file.sealed))
            try disk.syncFolder("\(path)/\(file.day)")
            try readBack(file.sealed, builder)
            return footer
        } catch {
            // A full disk gets its space back; after a death the next sealing does it.
            try? disk.removeIfThere(beside)
            throw error
        }
    }

    /// Looks whether the disk has the head and both footers of a file as they were written.
    private func readBack(_ sealed: ArchiveFile, _ builder: SealedFileBuilder) throws {
        let file = try disk.open(full(sealed), .read)
        let size = try file.size()
        guard try file.bytes(0..<SealedLayout.headLength) == SealedLayout.head(),
            try file.bytes(max(0, size - builder.end.count)..<size) == builder.end
        else {
            throw ArchiveError.journal(
                "\(full(sealed)): cannot be read back after it was written; what it was made from "
                    + "is kept: look at the disk"
            )
        }
    }
}

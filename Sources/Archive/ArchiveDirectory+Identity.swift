internal import ArchiveFormat
internal import Log

// Who an archive is: agents keep their logs for the archives that they know.

extension ArchiveDirectory {
    /// The random id that the archive got on its first use; nil before.
    ///
    /// It stands in `archive.id` with its checksum. Where that is damaged or gone, the newest file
    /// that can be read tells it: an archive that came back under another id would leave every
    /// agent with a log that nobody frees.
    public func readID() throws(ArchiveError) -> String? {
        if let id = try writtenID() { return id }
        return try idOfFiles()
    }

    /// Whether an archive has begun in the folder: its id is there, or files of it.
    ///
    /// - Throws: ``ArchiveError/disk(_:)`` where the folder is not there or may not be read.
    public func isBegun() throws(ArchiveError) -> Bool {
        let names: [String]
        do { names = try disk.names(in: path) } catch { throw .disk(error) }
        if names.contains(Self.idName) { return true }
        return try !files().isEmpty
    }

    /// The id in `archive.id`; nil where it is not there or damaged.
    func writtenID() throws(ArchiveError) -> String? {
        let text: String
        do {
            text = String(decoding: try disk.contents(of: idPath), as: UTF8.self)
        } catch .missing {
            return nil
        } catch {
            throw .disk(error)
        }
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        // Archives of earlier versions have no checksum there.
        guard let id = words.first, words.count == 1 || words[1] == Self.checksum(of: id),
            id.utf8.count == 32, id.allSatisfy(\.isHexDigit)
        else { return nil }
        return id
    }

    /// Gives the archive its id, or writes the one that it has once more.
    func makeID() throws(ArchiveError) -> String {
        if let id = try writtenID() { return id }
        let id = try idOfFiles() ?? Self.randomID()
        do {
            try disk.replace(idPath, with: Array("\(id) \(Self.checksum(of: id))\n".utf8))
        } catch {
            throw .disk(error)
        }
        return id
    }

    /// The archive that the newest of the files that can be read names.
    private func idOfFiles() throws(ArchiveError) -> String? {
        for file in try files().reversed().prefix(Limits.filesForID) {
            switch file.kind {
            case .sealed:
                if let sealed = try? SealedFile.open(full(file), disk: disk) {
                    return sealed.footer.archive
                }
            case .journal:
                if let id = try? openingID(of: file) { return id }
            }
        }
        return nil
    }

    private func openingID(of file: ArchiveFile) throws -> String? {
        struct Found: Error {
            let archive: String
        }
        do {
            let follower = JournalFollower(try disk.open(full(file), .read))
            try follower.read(isClosed: false) { _ in
            } others: { event in
                if case .opening(let archive, _, _, _) = event { throw Found(archive: archive) }
            }
        } catch let found as Found {
            return found.archive
        }
        return nil
    }

    private static func checksum(of id: String) -> String {
        String(Array(id.utf8).withUnsafeBytes { crc32c($0) }, radix: 16)
    }

    private var idPath: String { "\(path)/\(Self.idName)" }
    private static let idName = "archive.id"
}

internal import ArchiveFormat
internal import Log
public import Telemetry

/// What a repair did to one sealed file, or would do.
public struct RepairedFile: Hashable, Sendable {
    /// How it ended.
    public enum Outcome: Hashable, Sendable {
        /// Nothing is wrong with it, nor can more be read than before: it is as it was.
        case whole
        /// A new file is in its place, and the damaged one beside it under this path.
        case repaired(kept: String)
        /// It is as it was, since this was only a look.
        case wouldBeRepaired
        /// It is as it was, for this reason.
        case refused(String)
    }

    /// The file, relative to the archive.
    public let path: String
    /// How it ended.
    public let outcome: Outcome
    /// What is lost, as the new file's ledger says it.
    public let lost: [LedgerEntry]
    /// Rows of records that could not be decoded before.
    public let decodedRows: Int
    /// What was wrong, a line each.
    public let problems: [String]
}

extension ArchiveTool {
    /// Puts a new file in the place of each damaged sealed file: all of it that can be read.
    ///
    /// What cannot be read becomes rows of the ledger, and records that could not be decoded and
    /// now can become rows of their feeds. The new file takes its place after it was read back and
    /// compared row by row; the damaged one is kept beside it. Any step may be the last.
    ///
    /// - Parameters:
    ///   - directory: the archive, to which nobody writes meanwhile.
    ///   - paths: the files, relative to the archive; all sealed files if there are none.
    ///   - isDryRun: whether only to look.
    ///   - holder: who does it, for a writer that is refused meanwhile.
    ///   - now: when the new files are made.
    ///   - progress: called with the number of files done and of all.
    /// - Returns: what became of each file.
    /// - Throws: ``ArchiveError`` if somebody writes to the archive, or it cannot be listed.
    public static func repair(
        _ directory: ArchiveDirectory,
        _ paths: [String] = [],
        isDryRun: Bool,
        holder: String,
        now: Timestamp,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) -> [RepairedFile] {
        let lock = try directory.lock("archive.lock", holder: holder)
        defer { lock.unlock() }
        let all = try directory.files().filter { $0.kind == .sealed }
        let chosen = paths.isEmpty ? all.map(\.path) : paths
        var repaired: [RepairedFile] = []
        for (number, path) in chosen.enumerated() {
            if let place = all.firstIndex(where: { $0.path == path }) {
                let repair = SealedRepair(directory, all, place, now: now)
                repaired.append(repair.run(isDryRun: isDryRun))
            } else {
                repaired.append(
                    RepairedFile(
                        path: path,
                        outcome: .refused(
                            "\(path): no sealed file of this archive; write it as "
                                + "`cerro archive ls` does"
                        ),
                        lost: [],
                        decodedRows: 0,
                        problems: []
                    )
                )
            }
            progress(number + 1, chosen.count)
        }
        return repaired
    }
}

/// The repair of one sealed file.
private struct SealedRepair {
    private let directory: ArchiveDirectory
    private let files: [ArchiveFile]
    private let place: Int
    private let now: Timestamp

    init(_ directory: ArchiveDirectory, _ files: [ArchiveFile], _ place: Int, now: Timestamp) {
        self.directory = directory
        self.files = files
        self.place = place
        self.now = now
    }

    private var file: ArchiveFile { files[place] }
    private var path: String { directory.full(file) }
    private var folder: String { "\(directory.path)/\(file.day)" }

    func run(isDryRun: Bool) -> RepairedFile {
        do {
            let sealed = try SealedFile.open(path, disk: directory.disk)
            var problems: [String] = []
            _ = ArchiveTool.check(sealed, file.path, &problems)
            let salvage = SealedSalvage(
                sealed,
                path: file.path,
                lost: ArchiveIndex.lostRows(of: sealed, path: file.path, in: directory),
                declarations: declarations(around: sealed)
            )
            guard salvage.isWorthwhile || !problems.isEmpty else { return report(.whole) }
            guard !isDryRun else { return report(.wouldBeRepaired, salvage, problems) }
            return report(.repaired(kept: try replace(salvage)), salvage, problems)
        } catch {
            let text = directory.shortened("\(error)")
            return report(.refused("\(text). The file is as it was"), nil, [text])
        }
    }

    private func report(
        _ outcome: RepairedFile.Outcome,
        _ salvage: SealedSalvage? = nil,
        _ problems: [String] = []
    ) -> RepairedFile {
        RepairedFile(
            path: file.path,
            outcome: outcome,
            lost: salvage?.lost ?? [],
            decodedRows: salvage?.decodedRows ?? 0,
            problems: problems
        )
    }

    /// The declarations that unreadable records of the file may follow: those in force before it
    /// and behind it as well.
    private func declarations(around sealed: SealedFile) -> [KeptDeclaration] {
        guard !sealed.footer.unreadable.isEmpty else { return [] }
        let near = [place - 1, place + 1].filter(files.indices.contains).compactMap { place in
            try? SealedFile.open(directory.full(files[place]), disk: directory.disk)
        }
        return (near + [sealed]).flatMap(\.footer.declarations)
    }

    /// Writes the new file, compares it, and puts it in place; returns the path of the old one.
    private func replace(_ salvage: SealedSalvage) throws -> String {
        let disk = directory.disk
        let beside = "\(folder)/.\(file.stem).repair"
        do {
            try disk.removeIfThere(beside)
            try write(salvage, to: beside)
            let kept = try keep()
            try disk.rename(beside, to: path)
            try disk.syncFolder(folder)
            return "\(file.day)/\(kept)"
        } catch {
            // A full disk gets its space back; after a death the next repair does it.
            try? disk.removeIfThere(beside)
            throw error
        }
    }

    private func write(_ salvage: SealedSalvage, to beside: String) throws {
        let output = BufferedFile(try directory.disk.open(beside, .create))
        var builder = try SealedFileBuilder(salvage.footer(created: now)) { try output.write($0) }
        try salvage.write(to: &builder)
        let footer = try builder.finish()
        try output.finish()

        let new = try SealedFile.open(beside, disk: directory.disk)
        var flaws: [String] = []
        if new.footer.id != footer.id { flaws.append("it is another file") }
        flaws += new.allFlaws().map(\.description)
        if let difference = try salvage.difference(to: new) {
            flaws.append("\(difference) is not what was written")
        }
        _ = ArchiveTool.check(new, file.path, &flaws)
        if let flaw = flaws.first {
            throw ArchiveError.journal(
                "\(file.path): the repaired file reads back wrong: \(flaw); look at the disk"
            )
        }
    }

    /// Copies the damaged file to a name beside it that is free, and returns that name.
    private func keep() throws -> String {
        let disk = directory.disk
        let old = try disk.open(path, .read)
        var name = "\(file.stem).cerro.damaged"
        let names = Set(try disk.names(in: folder))
        var number = 2
        while names.contains(name) {
            // One that a repair kept before it died serves.
            if try isSame(old, try disk.open("\(folder)/\(name)", .read)) { return name }
            name = "\(file.stem).cerro.damaged-\(number)"
            number += 1
        }
        let beside = "\(folder)/.\(file.stem).kept"
        try disk.removeIfThere(beside)
        do {
            let copy = BufferedFile(try disk.open(beside, .create))
            for piece in pieces(try old.size()) { try copy.write(try old.bytes(piece)) }
            try copy.finish()
            guard try isSame(old, try disk.open(beside, .read)) else {
                throw ArchiveError.journal(
                    "\(file.path): its copy is another one; look at the disk"
                )
            }
            try disk.rename(beside, to: "\(folder)/\(name)")
            try disk.syncFolder(folder)
        } catch {
            try? disk.removeIfThere(beside)
            throw error
        }
        return name
    }

    private func isSame(_ one: any SegmentFile, _ other: any SegmentFile) throws -> Bool {
        let size = try one.size()
        guard try other.size() == size else { return false }
        for piece in pieces(size) where try one.bytes(piece) != other.bytes(piece) { return false }
        return true
    }

    private func pieces(_ size: Int) -> [Range<Int>] {
        stride(from: 0, to: size, by: Limits.sealedWrite).map {
            $0..<min(size, $0 + Limits.sealedWrite)
        }
    }
}

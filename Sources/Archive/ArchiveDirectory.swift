public import Log
internal import Telemetry

/// The folder of one archive: where its files are, who it is, and the lock of its one writer.
public struct ArchiveDirectory: Sendable {
    /// The folder.
    public let path: String
    /// What its files are reached through.
    public let disk: any Disk

    /// The archive in the folder `path`, which need not be there yet.
    public init(_ path: String, disk: any Disk = SystemDisk()) {
        self.path = path
        self.disk = disk
    }

    /// Makes the caller the one writer: creates the folder and the id if they are not there.
    ///
    /// `holder` says who it is, for those who are refused: host, process, instance. The result is
    /// the id of the archive, and the lock, which the writer keeps.
    public func lockForWriting(
        holder: String
    ) throws(ArchiveError) -> (id: String, lock: any FolderLock) {
        let lock = try lock("archive.lock", holder: holder)
        return (try makeID(), lock)
    }

    /// The lock `name` in the folder, which is created if it is not there.
    func lock(_ name: String, holder: String) throws(ArchiveError) -> any FolderLock {
        do {
            try disk.createFolder(path)
            guard !(try disk.isRemote(path)) else { throw ArchiveError.remote(directory: path) }
            return try disk.lock("\(path)/\(name)", holder: holder)
        } catch let error as DiskError {
            throw .disk(error)
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw .journal("\(path): \(error)")
        }
    }

    /// The journals and sealed files in order of creation; those of `days` (`2026/11/21`) or all.
    func files(days: Set<String>? = nil) throws(ArchiveError) -> [ArchiveFile] {
        var files: [ArchiveFile] = []
        let looked = if let days { days.sorted() } else { try self.days() }
        for day in looked {
            for name in try names(day) {
                if let file = ArchiveFile(day: day, name: name) { files.append(file) }
            }
        }
        return files.sorted()
    }

    /// The folders of days that are there.
    func days() throws(ArchiveError) -> [String] {
        var days: [String] = []
        for year in try names("") where Self.isNumber(year, 4) {
            for month in try names(year) where Self.isNumber(month, 2) {
                for day in try names("\(year)/\(month)") where Self.isNumber(day, 2) {
                    days.append("\(year)/\(month)/\(day)")
                }
            }
        }
        return days
    }

    /// The names in a folder; none where it is not there.
    func names(_ folder: String) throws(ArchiveError) -> [String] {
        do {
            return try disk.names(in: folder.isEmpty ? path : "\(path)/\(folder)")
        } catch .missing {
            return []
        } catch {
            throw .disk(error)
        }
    }

    /// The full path of a file whose path is relative to the archive.
    func full(_ relative: String) -> String { "\(path)/\(relative)" }

    /// The full path of a file.
    func full(_ file: ArchiveFile) -> String { "\(path)/\(file.path)" }

    /// A message that names its file as `cerro archive ls` does.
    func shortened(_ text: String) -> String {
        text.hasPrefix(path + "/") ? String(text.dropFirst(path.count + 1)) : text
    }

    /// 128 random bits as hexadecimal digits.
    static func randomID() -> String {
        hexadecimal(UInt64.random(in: 0 ... .max)) + hexadecimal(UInt64.random(in: 0 ... .max))
    }

    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func isNumber(_ text: String, _ digits: Int) -> Bool {
        text.utf8.count == digits && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}

import Archive
import Foundation
import Log

/// A folder of its own for a test, which is deleted with it.
final class TemporaryArchive {
    let directory: ArchiveDirectory

    init() {
        let name = "cerro-\(UInt64.random(in: 0 ... .max))"
        directory = ArchiveDirectory(
            FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        )
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory.path)
    }

    /// Changes the bytes of a file of the archive.
    func damage(_ path: String, _ change: (inout Data) -> Void) throws {
        let url = URL(fileURLWithPath: "\(directory.path)/\(path)")
        var bytes = try Data(contentsOf: url)
        change(&bytes)
        try bytes.write(to: url)
    }

    func removeFile(_ path: String) throws {
        try FileManager.default.removeItem(atPath: "\(directory.path)/\(path)")
    }
}

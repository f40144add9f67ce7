import Archive
import CerroTesting
import Foundation
import Telemetry

/// A tree of `.g3` files and the folder of an archive, for one test.
final class G3TestTree {
    let folder: TemporaryFolder
    let root: String
    let directory: ArchiveDirectory
    /// What the store takes as now; the files of a test are written at the real time.
    var time: any TimeSource = SystemTimeSource()

    init() throws {
        folder = try TemporaryFolder()
        root = folder.path + "/hk"
        directory = ArchiveDirectory(folder.path + "/archive")
        try FileManager.default.createDirectory(
            atPath: root + "/17000",
            withIntermediateDirectories: true
        )
    }

    /// Lets so3g write its files; what it says that it wrote.
    func write() throws -> String {
        try Python.run("Tests/Corpus/g3/so3g_write.py", [root])
    }

    func open() throws -> G3Store {
        try G3Store(root: root, beside: directory, holder: "a test", time: time)
    }

    func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(root)/\(path)")))
    }

    func put(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(filePath: "\(root)/\(path)"))
    }

    func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: "\(root)/\(path)")
    }

    /// Every file of the tree and when it was changed.
    func everything() throws -> [String: Date] {
        var found: [String: Date] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")
            found[path] = attributes[.modificationDate] as? Date
        }
        return found
    }

    /// The files of the index.
    func indexFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path)
            .filter { $0.hasPrefix("g3-") && $0.hasSuffix(".sqlite") }
            .map { "\(directory.path)/\($0)" }
    }
}

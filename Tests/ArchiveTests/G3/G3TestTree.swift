import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

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
        let (origin, said) = try Self.written.get()
        for path in try FileManager.default.subpathsOfDirectory(atPath: origin.path)
        where path.hasSuffix(".g3") {
            let target = URL(filePath: "\(root)/\(path)")
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(contentsOf: URL(filePath: "\(origin.path)/\(path)")).write(to: target)
        }
        return said
    }

    /// What so3g wrote, once for all tests, since it takes a while to start.
    private static let written = Result {
        let origin = try TemporaryFolder()
        return (origin, try Python.run("Tests/Corpus/g3/so3g_write.py", [origin.path]))
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

    /// Changes bytes in place, as a bad disk does: neither length nor time tell it.
    func overwrite(_ bytes: [UInt8], _ path: String) throws {
        let place = "\(root)/\(path)"
        let modified = try FileManager.default.attributesOfItem(atPath: place)[.modificationDate]
        let file = try FileHandle(forUpdating: URL(filePath: place))
        try file.write(contentsOf: Data(bytes))
        try file.close()
        let date = try #require(modified as? Date)
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: place)
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

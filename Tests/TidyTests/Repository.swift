import Foundation

/// The files of the repository that the rules are about.
struct Repository: Sendable {
    /// The paths of all files under the folders that are checked, from the root.
    let paths: [String]
    private let root: URL

    /// The repository that this file was compiled in.
    static let own = Repository(
        root: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    )

    private static let folders = ["Sources", "Tests", "site-config", "deploy", ".ci"]
    private static let pages = ["Package.swift", "README.md"]

    private init(root: URL) {
        self.root = root
        var paths = Self.pages.filter {
            FileManager.default.fileExists(atPath: root.appending(path: $0).path)
        }
        for folder in Self.folders {
            let files = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            while let name = files?.nextObject() as? String { paths.append("\(folder)/\(name)") }
        }
        self.paths = paths.sorted()
    }

    /// The text of a file, empty if it is none.
    func text(_ path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }

    /// The manifest of the package.
    var manifest: Manifest { Manifest(text("Package.swift")) }

    /// The Swift files of all targets.
    var sources: [SourceFile] {
        paths.filter { $0.hasSuffix(".swift") && !$0.contains(".docc/") && $0 != "Package.swift" }
            .map { SourceFile(path: $0, text: text($0)) }
    }
}

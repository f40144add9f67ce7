import Foundation
import SiteConfig

/// The files of `Tests/Corpus/site-config` and of `site-config`.
enum Corpus {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let classes = [
        "Aggregator", "Reader", "HostMetrics", "FakeData", "G3Writer", "Lakeshore372",
        "IMacRT",
    ]
    /// `SECRET` must not show up in any message.
    static let environment = ["CERRO_PORT": "5560", "EMPTY": "", "SECRET": "12 hunter"]

    /// The names of the files in `folder` that end with `suffix`.
    static func files(_ suffix: String, in folder: String = "Tests/Corpus/site-config") -> [String]
    {
        let names = try? FileManager.default.contentsOfDirectory(
            atPath: root.appending(path: folder).path
        )
        return (names ?? []).filter { $0.hasSuffix(suffix) }.sorted()
    }

    static func text(
        _ name: String,
        in folder: String = "Tests/Corpus/site-config"
    ) throws -> String {
        try String(contentsOf: root.appending(path: folder).appending(path: name), encoding: .utf8)
    }

    /// Loads a text as `name` with the classes and the environment above.
    static func load(_ text: String, as name: String = "site.yaml") throws(SiteError) -> Site {
        try Site.load(text: text, file: name, folder: "/site", environment: environment) {
            $0.check(classes: classes)
        }
    }

    /// What is wrong with a text, nothing for a good one.
    static func problems(_ text: String, as name: String = "site.yaml") -> [SiteProblem] {
        do {
            _ = try load(text, as: name)
            return []
        } catch {
            return error.problems
        }
    }
}

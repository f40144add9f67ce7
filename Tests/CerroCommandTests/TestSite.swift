import SiteConfig

/// Sites for tests, from their text.
enum TestSite {
    /// A site with hosts of those names and no agents.
    static func hosts(_ names: [String]) throws -> Site {
        let hosts = names.map { "  \($0): {address: 127.0.0.1}\n" }.joined()
        return try read("site: test\nhosts:\n" + hosts)
    }

    /// The site that `text` describes.
    static func read(_ text: String, folder: String = "/nowhere") throws -> Site {
        try Site.load(text: text, file: "test.yaml", folder: folder, environment: [:])
    }
}

internal import ArchiveFormat

/// A file that a browser loads for the monitor page.
struct MonitorAsset: Sendable {
    /// Where it is served.
    let path: String
    let contentType: String
    private let content: Content

    private enum Content {
        /// Part of this program, as it is and smaller, with the mark by which a browser knows it
        /// again.
        case embedded([UInt8], packed: [UInt8], mark: String)
        /// A file that the system's package installs.
        case installed(String, package: String)
    }

    private init(_ path: String, _ contentType: String, _ content: Content) {
        self.path = path
        self.contentType = contentType + "; charset=utf-8"
        self.content = content
    }

    private init(_ path: String, _ contentType: String, embedded bytes: [UInt8]) {
        let packed = Deflater(.gzip).add(bytes, isLast: true)
        self.init(path, contentType, .embedded(bytes, packed: packed, mark: Self.mark(of: bytes)))
    }

    /// What the page is made of, but for itself.
    private static let parts: [(name: String, type: String, bytes: [UInt8])] = [
        ("page.css", "text/css", PackageResources.page_css),
        ("plots.css", "text/css", PackageResources.plots_css),
        ("icon.svg", "image/svg+xml", PackageResources.icon_svg),
        ("theme.js", "text/javascript", PackageResources.theme_js),
        ("main.js", "text/javascript", PackageResources.main_js),
        ("dom.js", "text/javascript", PackageResources.dom_js),
        ("format.js", "text/javascript", PackageResources.format_js),
        ("api.js", "text/javascript", PackageResources.api_js),
        ("view.js", "text/javascript", PackageResources.view_js),
        ("site.js", "text/javascript", PackageResources.site_js),
        ("login.js", "text/javascript", PackageResources.login_js),
        ("control.js", "text/javascript", PackageResources.control_js),
        ("strip.js", "text/javascript", PackageResources.strip_js),
        ("tiles.js", "text/javascript", PackageResources.tiles_js),
        ("panel.js", "text/javascript", PackageResources.panel_js),
        ("fields.js", "text/javascript", PackageResources.fields_js),
        ("sparkline.js", "text/javascript", PackageResources.sparkline_js),
        ("operations.js", "text/javascript", PackageResources.operations_js),
        ("plots.js", "text/javascript", PackageResources.plots_js),
        ("chart.js", "text/javascript", PackageResources.chart_js),
        ("series.js", "text/javascript", PackageResources.series_js),
        ("search.js", "text/javascript", PackageResources.search_js),
        ("keys.js", "text/javascript", PackageResources.keys_js),
    ]

    /// The folder of the parts, another one for each version of any of them: so a browser may keep
    /// them for ever, and never mixes two versions.
    static let folder: String = {
        let all = parts.flatMap(\.bytes)
        return "/monitor/" + String(all.withUnsafeBytes { crc32c($0) }, radix: 16)
    }()

    /// All there are: no path of a request ever becomes one of a file.
    static let all: [MonitorAsset] = {
        let page = String(decoding: PackageResources.index_html, as: UTF8.self)
            .split(separator: "\"monitor/", omittingEmptySubsequences: false)
            .joined(separator: "\"\(folder.dropFirst())/")
        let bytes = Array(page.utf8)
        let embedded = parts.map { part in
            MonitorAsset("\(folder)/\(part.name)", part.type, embedded: part.bytes)
        }
        let installed = MonitorPage.installed.map { name, type in
            MonitorAsset(
                "/monitor/installed/\(name)",
                type,
                .installed(MonitorPage.folder + name, package: MonitorPage.package)
            )
        }
        return [MonitorAsset("/", "text/html", embedded: bytes)]
            + embedded + installed
    }()

    /// Whether its path says which version it is, so that it never changes there.
    var isImmutable: Bool { path.hasPrefix(Self.folder + "/") }

    /// The bytes and their mark; packed by gzip where a browser takes that and it was done before.
    ///
    /// What is packed once is there at once, however many queries compress their answers meanwhile.
    ///
    /// - Throws: ``RequestError/notInstalled(_:package:)`` without the package.
    func load(
        takesGzip: Bool
    ) throws(RequestError) -> (bytes: [UInt8], mark: String, isPacked: Bool) {
        switch content {
        case .embedded(let bytes, let packed, let mark):
            let isPacked = takesGzip && packed.count < bytes.count
            return (isPacked ? packed : bytes, mark, isPacked)
        case .installed(let file, let package):
            guard let bytes = FileBytes.read(file, atMost: ReaderLimits.assetBytes) else {
                throw .notInstalled(file, package: package)
            }
            return (bytes, Self.mark(of: bytes), false)
        }
    }

    /// What tells versions of one file apart.
    private static func mark(of bytes: [UInt8]) -> String {
        "\"\(bytes.count)-" + String(bytes.withUnsafeBytes { crc32c($0) }, radix: 16) + "\""
    }
}

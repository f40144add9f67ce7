internal import ArchiveFormat

/// A file that a browser loads for the monitor page.
struct MonitorAsset: Sendable {
    /// Where it is served.
    let path: String
    let contentType: String
    private let content: Content

    private enum Content {
        /// Part of this program, with the mark by which a browser knows it again.
        case embedded([UInt8], mark: String)
        /// A file that the system's package installs.
        case installed(String, package: String)
    }

    private init(_ path: String, _ contentType: String, _ content: Content) {
        self.path = path
        self.contentType = contentType
        self.content = content
    }

    private static func page(_ path: String, _ type: String, _ bytes: [UInt8]) -> MonitorAsset {
        MonitorAsset(path, type, .embedded(bytes, mark: mark(of: bytes)))
    }

    private static func script(_ name: String, _ bytes: [UInt8]) -> MonitorAsset {
        page("/monitor/\(name).js", "text/javascript; charset=utf-8", bytes)
    }

    private static func dygraphs(_ name: String, _ type: String) -> MonitorAsset {
        MonitorAsset(
            "/monitor/\(name)",
            type + "; charset=utf-8",
            .installed("/usr/share/javascript/dygraphs/\(name)", package: "libjs-dygraphs")
        )
    }

    /// All there are: no path of a request ever becomes one of a file.
    static let all: [MonitorAsset] = [
        page("/", "text/html; charset=utf-8", PackageResources.index_html),
        page("/monitor/page.css", "text/css; charset=utf-8", PackageResources.page_css),
        page("/monitor/plots.css", "text/css; charset=utf-8", PackageResources.plots_css),
        page("/monitor/icon.svg", "image/svg+xml", PackageResources.icon_svg),
        script("theme", PackageResources.theme_js),
        script("main", PackageResources.main_js),
        script("dom", PackageResources.dom_js),
        script("format", PackageResources.format_js),
        script("api", PackageResources.api_js),
        script("view", PackageResources.view_js),
        script("site", PackageResources.site_js),
        script("control", PackageResources.control_js),
        script("strip", PackageResources.strip_js),
        script("tiles", PackageResources.tiles_js),
        script("panel", PackageResources.panel_js),
        script("fields", PackageResources.fields_js),
        script("sparkline", PackageResources.sparkline_js),
        script("operations", PackageResources.operations_js),
        script("plots", PackageResources.plots_js),
        script("chart", PackageResources.chart_js),
        script("series", PackageResources.series_js),
        script("search", PackageResources.search_js),
        script("keys", PackageResources.keys_js),
        dygraphs("dygraph.min.js", "text/javascript"),
        dygraphs("dygraph.min.css", "text/css"),
    ]

    /// The bytes and their mark.
    ///
    /// - Throws: ``RequestError/notInstalled(_:package:)`` without the package.
    func load() throws(RequestError) -> (bytes: [UInt8], mark: String) {
        switch content {
        case .embedded(let bytes, let mark): return (bytes, mark)
        case .installed(let file, let package):
            guard let bytes = FileBytes.read(file, atMost: ReaderLimits.assetBytes) else {
                throw .notInstalled(file, package: package)
            }
            return (bytes, Self.mark(of: bytes))
        }
    }

    /// What tells versions of one file apart.
    private static func mark(of bytes: [UInt8]) -> String {
        "\"\(bytes.count)-" + String(bytes.withUnsafeBytes { crc32c($0) }, radix: 16) + "\""
    }
}

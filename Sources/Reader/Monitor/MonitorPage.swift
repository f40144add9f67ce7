internal import Glibc

/// What the monitor page needs of the machine that serves it.
public enum MonitorPage {
    /// The Debian package with the files that the page loads and that are not part of Cerro.
    public static let package = "libjs-dygraphs"

    /// Those of its files that are not on this machine, or that this process may not read.
    ///
    /// Without them the page shows everything but plots.
    public static var missingFiles: [String] {
        installed.map { folder + $0.name }.filter { access($0, R_OK) != 0 }
    }

    static let folder = "/usr/share/javascript/dygraphs/"
    static let installed: [(name: String, type: String)] = [
        ("dygraph.min.js", "text/javascript"), ("dygraph.min.css", "text/css"),
    ]
}

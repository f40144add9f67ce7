internal import ArgumentParser
internal import Foundation
internal import SiteConfig

/// The option `--site`, and where the site file is without it.
struct SiteOption: ParsableArguments {
    @Option(
        name: .customLong("site"),
        help: ArgumentHelp(
            "The site file.",
            discussion: "Else $CERRO_SITE, else site-config/default.yaml, else "
                + "/etc/cerro/site.yaml.",
            valueName: "file"
        ),
        completion: .file(extensions: ["yaml", "yml"])
    )
    var file: String?

    /// The files that are tried when nothing names one.
    static let usual = ["site-config/default.yaml", "/etc/cerro/site.yaml"]

    /// The path of the site file; one that this user may not look at is there, too.
    func path(
        environment: [String: String],
        exists: (String) -> Bool = { access($0, F_OK) == 0 || errno == EACCES }
    ) throws(CommandFailure) -> String {
        if let file { return file }
        if let file = environment["CERRO_SITE"], !file.isEmpty { return file }
        if let file = Self.usual.first(where: exists) { return file }
        throw CommandFailure(
            .usage,
            "no site file: \(Self.usual.joined(separator: " and ")) do not exist. Name one with "
                + "--site or $CERRO_SITE"
        )
    }

    /// The checked site; with all that is wrong in it as the failure.
    ///
    /// With `copy` its text comes from there.
    func load(
        copy: String? = nil,
        check: (Site) -> [SiteProblem] = { _ in [] }
    ) throws(CommandFailure) -> Site {
        let environment = ProcessInfo.processInfo.environment
        let path = try path(environment: environment)
        do {
            return try Site.load(path: path, copy: copy, environment: environment, check: check)
        } catch {
            throw CommandFailure(.usage, "the site file is wrong\n\(error)")
        }
    }
}

/// The option `--json`: one JSON document on standard output.
struct FormatOption: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print one JSON document on standard output.")
    var isJSON = false
}

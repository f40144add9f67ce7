internal import Foundation
internal import Log
internal import SiteConfig

/// Where a manager reads what its host has to run, and what it keeps of it.
struct HostSource: Sendable {
    /// The site file, by its absolute path.
    let path: String
    /// Which of its hosts this is.
    let host: String
    /// The variables that the file may name.
    let environment: [String: String]
    /// The file of `cerro`, as it was when the manager began.
    let executable = HostPlan.ownExecutable()

    /// One state of the site file.
    struct Edition: Sendable {
        /// The site, checked.
        let site: Site
        /// Its text.
        let text: String
        /// What the host has to run by it.
        let plan: HostPlan
        /// The folder of the manager's own files.
        let folder: String
        /// A watch that was begun before the file was read.
        let watch: FileWatch
    }

    /// Reads and checks the file.
    ///
    /// - Throws: all that is wrong with it, or that it has no such host.
    func read() throws(CommandFailure) -> Edition {
        let watch = FileWatch(path)
        let (site, text): (Site, String)
        do {
            text = try Site.text(ofFile: path)
            site = try Site.load(
                text: text,
                path: path,
                environment: environment,
                check: AgentClasses.check
            )
        } catch {
            throw CommandFailure(.usage, "the site file is wrong\n\(error)")
        }
        let host = try HostChoice.host(named: host, of: site, machine: host)
        let folder = site.spool.directory + "/" + host.manager
        let launch = HostPlan.Launch(
            executable: executable,
            sitePath: path,
            options: ["--copy", Self.copy(in: folder)]
        )
        return Edition(
            site: site,
            text: text,
            plan: HostPlan(host, of: site, launch),
            folder: folder,
            watch: watch
        )
    }

    /// Keeps the text, which instances are started by: one that ends while somebody edits the file
    /// comes back by the last good one.
    func keep(_ edition: Edition) throws(DiskError) {
        try SystemDisk().replace(Self.copy(in: edition.folder), with: Array(edition.text.utf8))
    }

    private static func copy(in folder: String) -> String { folder + "/site.yaml" }

    /// The file of what a manager with its files in `folder` remembers.
    static func stateFile(in folder: String) -> String { folder + "/instances.json" }
}

internal import Foundation
internal import SiteConfig

/// What one host runs, as the site file says it: the registry first if it is here, then the
/// instances in the order of the file; without those that are left to somebody else.
struct HostPlan: Sendable {
    /// One instance of the host.
    struct Entry: Sendable {
        /// The instance id and its class.
        let id: String, className: String
        /// Whether it is kept running, or runs when somebody says so.
        let manage: Management
        /// The checksum of what it reads in the site file.
        let hash: String
        /// What is started for it.
        let program: ChildProcess.Program
    }

    /// How instances are started.
    struct Launch: Sendable {
        /// The file of `cerro`.
        var executable = HostPlan.ownExecutable()
        /// The path of the site file, absolute.
        var sitePath: String
        /// Options of `cerro agent run` beside the site file and the log.
        var options: [String]
    }

    /// The name of the host, and the id of its manager.
    let host: String, manager: String
    /// What the file says about the host itself: a manager that runs by another has to begin anew.
    let hash: String
    /// What it runs.
    let entries: [Entry]
    /// What somebody else runs there.
    let ignored: Set<String>
    /// The folder of their logs.
    let logs: String
}

extension HostPlan {
    /// The plan of a host.
    init(_ host: SiteConfig.Host, of site: Site, _ launch: Launch) {
        self.host = host.name
        manager = host.manager
        hash = site.hash(of: host.manager) ?? ""
        ignored = Set(host.agents.filter { $0.manage == .ignore }.map(\.id))
        logs = LogFolder.path(of: site)
        let registry = site.hasRegistry(on: host) ? [(Site.registryID, "Registry")] : []
        let instances =
            registry.map { ($0.0, $0.1, Management.keep) }
            + host.agents.filter { $0.manage != .ignore }.map { ($0.id, $0.className, $0.manage) }
        entries = instances.map { id, className, manage in
            let log = LogFolder.file(of: id, at: site)
            return Entry(
                id: id,
                className: className,
                manage: manage,
                hash: AgentClasses.hash(of: id, at: site) ?? "",
                program: ChildProcess.Program(
                    executable: launch.executable,
                    arguments: ["agent", "run", id, "--site", launch.sitePath] + launch.options
                        + ["--log", log],
                    log: log
                )
            )
        }
    }

    /// The file that this process runs from; asked before somebody puts a newer one in its place.
    static func ownExecutable() -> String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return link ?? CommandLine.arguments[0]
    }

    /// The path without the current folder, which a child may not share.
    static func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path
    }
}

/// The folder with what the instances print: beside the spool.
enum LogFolder {
    /// The folder.
    static func path(of site: Site) -> String {
        URL(filePath: site.spool.directory).deletingLastPathComponent().appending(path: "logs").path
    }

    /// The file of one instance.
    static func file(of instance: String, at site: Site) -> String {
        path(of: site) + "/" + instance + ".log"
    }

    /// Creates the folder of a log file where it is missing.
    static func create(forFile file: String) throws(CommandFailure) {
        let path = URL(filePath: file).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
        } catch {
            throw CommandFailure(
                .failed,
                "the folder \(path) cannot be created: \(HumanText.reason(error)). Give the "
                    + "user who runs Cerro write access above it, or move `spool: {directory: …}`"
            )
        }
    }
}

extension HostPlan.Entry {
    /// What is left of an instance that a plan has no more: the log that its process writes to.
    init(left id: String, of plan: HostPlan) {
        let log = plan.logs + "/" + id + ".log"
        self.init(
            id: id,
            className: "",
            manage: .manual,
            hash: "",
            program: ChildProcess.Program(executable: "", arguments: [], log: log)
        )
    }
}

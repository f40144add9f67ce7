internal import ArgumentParser
internal import Foundation
internal import SiteConfig
internal import Telemetry

/// `cerro up`: this host's instances and, where it belongs, the registry.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Runs this host's instances until Ctrl-C, and starts again what ends.",
        discussion: """
            The registry runs too if its address is this host's. What an instance prints is in \
            the folder `logs` beside the spool: `cerro logs INSTANCE` shows it.
            """
    )

    @OptionGroup var site: SiteOption

    @Option(
        help: ArgumentHelp("Which host of the site file this machine is.", valueName: "name"),
        completion: SiteCompletion.hosts
    )
    var host: String?

    func run() async throws {
        let console = Console.current
        let path = try site.path(environment: ProcessInfo.processInfo.environment)
        let site = try site.load(check: AgentClasses.check)
        let host = try HostChoice.host(
            named: host,
            of: site,
            machine: ProcessInfo.processInfo.hostName
        )
        let members = try UpPlan.members(
            of: host,
            at: site,
            executable: UpPlan.ownExecutable(),
            sitePath: UpPlan.absolute(path)
        )
        console.note(
            "\(site.name): \(members.count) instances on host \(host.name), logs in "
                + "\(LogFolder.path(of: site)). Ctrl-C stops all."
        )
        let supervisor = Supervisor(
            members: members,
            time: SystemTimeSource(),
            chance: { Double.random(in: 0...1) },
            report: { console.note(UpPlan.dated($0, SystemTimeSource().now)) }
        )
        let (isClean, wasToldToEnd) = try await Signals.cancelling { await supervisor.run() }
        guard isClean, wasToldToEnd else {
            throw CommandFailure(.failed, "not every instance ended as it should; see above")
        }
    }
}

/// What `cerro up` starts.
enum UpPlan {
    /// The id of the registry, which no entry of the site file may have.
    static let registryID = "registry"

    /// The programs of a host: the registry first if it is here, then the instances in the order
    /// of the file; those that the file says to leave alone are left out.
    static func members(
        of host: SiteConfig.Host,
        at site: Site,
        executable: String,
        sitePath: String
    ) throws(CommandFailure) -> [Supervisor.Member] {
        let names =
            (isRegistry(of: site, on: host) ? [registryID] : [])
            + host.agents.filter { $0.manage == .up }.map(\.id)
        guard !names.isEmpty else {
            throw CommandFailure(
                .usage,
                "\(site.file) gives host \(host.name) nothing to run. Add an instance to its "
                    + "`agents`"
            )
        }
        try LogFolder.create(for: site)
        return names.map { name in
            Supervisor.Member(
                name: name,
                program: ChildProcess.Program(
                    executable: executable,
                    arguments: [
                        "agent", "run", name, "--site", sitePath, "--until-stdin-closes",
                        "--log", LogFolder.file(of: name, at: site),
                    ],
                    log: LogFolder.file(of: name, at: site)
                )
            )
        }
    }

    /// Whether the site's registry belongs to a host.
    static func isRegistry(of site: Site, on host: SiteConfig.Host) -> Bool {
        [host.address, host.bind].contains(site.registry.address)
            || Endpoint(host: site.registry.address, port: 0).isLoopback
                && Endpoint(host: host.address, port: 0).isLoopback
    }

    /// The file that this process runs from.
    static func ownExecutable() -> String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return link ?? CommandLine.arguments[0]
    }

    /// The path without the current folder, which a child may not share.
    static func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path
    }

    /// A line with the time of day in UTC before it.
    static func dated(_ line: String, _ now: Timestamp) -> String {
        let second = Timestamp(seconds: now.nanoseconds / 1_000_000_000)
        return second.description.dropFirst(11) + " " + line
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

    /// Creates the folder where it is missing.
    static func create(for site: Site) throws(CommandFailure) {
        let path = path(of: site)
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
        } catch {
            throw CommandFailure(
                .failed,
                "the folder \(path) cannot be created: \(error.localizedDescription). Give the "
                    + "user who runs Cerro write access above it, or move `spool: {directory: …}`"
            )
        }
    }
}

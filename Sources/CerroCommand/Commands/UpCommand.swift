internal import ArgumentParser
internal import Foundation
internal import Log
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
            executable: HostPlan.ownExecutable(),
            sitePath: HostPlan.absolute(path)
        )
        let hold = try UpPlan.hold(host, of: site)
        defer { hold.unlock() }
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
    /// The programs of a host that are kept running, in the order of its plan.
    static func members(
        of host: SiteConfig.Host,
        at site: Site,
        executable: String,
        sitePath: String
    ) throws(CommandFailure) -> [Supervisor.Member] {
        let launch = HostPlan.Launch(
            executable: executable,
            sitePath: sitePath,
            options: ["--until-stdin-closes"]
        )
        let entries = HostPlan(host, of: site, launch).entries.filter { $0.manage == .keep }
        guard let first = entries.first else {
            throw CommandFailure(
                .usage,
                "\(site.file) gives host \(host.name) nothing to run. Add an instance to its "
                    + "`agents`"
            )
        }
        try LogFolder.create(forFile: first.program.log)
        return entries.map { Supervisor.Member(name: $0.id, program: $0.program) }
    }

    /// Keeps others from running the host's instances, a manager and another `cerro up` alike.
    ///
    /// - Throws: `CommandFailure`, of ``ExitStatus/refused``, that says who runs them.
    static func hold(
        _ host: SiteConfig.Host,
        of site: Site
    ) throws(CommandFailure) -> any FolderLock {
        let folder = site.spool.directory + "/" + host.manager
        let process = ProcessInfo.processInfo
        let holder = "host \(process.hostName), pid \(process.processIdentifier), `cerro up`"
        let lock: any FolderLock
        do throws(DiskError) {
            try SystemDisk().createFolder(folder)
            lock = try SystemDisk().lock(folder + "/lock", holder: holder)
        } catch {
            guard case .locked(_, let holder) = error else {
                throw CommandFailure(.failed, "\(error)")
            }
            throw CommandFailure(
                .refused,
                "the instances of host \(host.name) are run already, by \(holder): stop that one "
                    + "first"
            )
        }
        let left = try HostState(path: HostSource.stateFile(in: folder)).instances
            .filter { $0.value.process?.isRunning == true }.keys.sorted()
        guard left.isEmpty else {
            lock.unlock()
            throw CommandFailure(
                .refused,
                "a manager has left \(left.joined(separator: ", ")) running on host "
                    + "\(host.name): `cerro host run` takes over again, and `cerro host stop` "
                    + "stops"
            )
        }
        return lock
    }

    /// A line with the time of day in UTC before it.
    static func dated(_ line: String, _ now: Timestamp) -> String {
        let second = Timestamp(seconds: now.nanoseconds / 1_000_000_000)
        return second.description.dropFirst(11) + " " + line
    }
}

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

    @OptionGroup var host: HostOption

    func run() async throws {
        let console = Console.current
        let environment = ProcessInfo.processInfo.environment
        let path = try site.path(environment: environment)
        let site = try site.load(check: AgentClasses.check)
        let host = try HostChoice.host(
            named: host.name(environment: environment),
            of: site,
            machine: ProcessInfo.processInfo.hostName
        )
        let launch = HostPlan.Launch(
            sitePath: HostPlan.absolute(path),
            options: ["--until-stdin-closes"]
        )
        let plan = HostPlan(host, of: site, launch)
        let count = plan.entries.count { $0.manage == .keep }
        guard count > 0 else {
            throw CommandFailure(
                .usage,
                "\(site.file) gives host \(host.name) nothing to run. Add an instance to its "
                    + "`agents`"
            )
        }
        let hold = try UpHold.take(host, of: site)
        defer { hold.unlock() }
        let instances = HumanText.many(count, "instance", "instances")
        console.note(
            "\(site.name): \(instances) on host \(host.name), logs in "
                + "\(LogFolder.path(of: site)). Ctrl-C stops all."
        )
        let lifeline = try Spawn.Channel()
        defer { withExtendedLifetime(lifeline) {} }
        let time = SystemTimeSource()
        let crew = HostCrew(
            HostCrew.Surroundings(
                lifeline: lifeline.reading,
                time: time,
                report: { console.note(Self.dated($0.sentence, time.now)) }
            )
        )
        let (_, wasToldToEnd) = try await Signals.cancelling {
            await crew.begin(plan)
            await crew.run()
        }
        guard await crew.endAll(), wasToldToEnd else {
            throw CommandFailure(.failed, "not every instance ended as it should; see above")
        }
    }

    /// A line with the time of day in UTC before it.
    private static func dated(_ line: String, _ now: Timestamp) -> String {
        let second = Timestamp(seconds: now.nanoseconds / 1_000_000_000)
        return second.description.dropFirst(11) + " " + line
    }
}

/// That nobody else runs the host's instances while `cerro up` does.
enum UpHold {
    /// Keeps others from running the host's instances, a manager and another `cerro up` alike.
    ///
    /// - Throws: `CommandFailure`, of ``ExitStatus/refused``, that says who runs them.
    static func take(
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
}

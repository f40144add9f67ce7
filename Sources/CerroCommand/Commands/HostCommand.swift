internal import ArgumentParser
internal import Dispatch
internal import Foundation
internal import Logging
internal import SiteConfig
internal import Telemetry

/// `cerro host`: the manager of this host, and those of all hosts from anywhere.
struct HostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host",
        abstract: "Runs the instances of this host, and commands those of all hosts.",
        subcommands: [
            HostRunCommand.self, HostListCommand.self, HostStartCommand.self, HostStopCommand.self,
            HostRestartCommand.self, HostReloadCommand.self, LogsCommand.self,
        ]
    )
}

/// `cerro host run`: the manager of this host.
struct HostRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Keeps this host's instances running; they survive its own end.",
        discussion: """
            The registry runs too if its address is this host's. The manager is an agent itself, \
            `host-NAME`. It follows changes of the site file; SIGHUP has it look at once. Exit \
            code 4 means that another one manages this host; the message names it.
            """
    )

    @OptionGroup var site: SiteOption

    @OptionGroup var host: HostOption

    @OptionGroup var log: LogOption

    func run() async throws {
        try log.begin()
        let environment = ProcessInfo.processInfo.environment
        let path = HostPlan.absolute(try site.path(environment: environment))
        let site = try site.load(check: AgentClasses.check)
        let host = try HostChoice.host(
            named: host.name(environment: environment),
            of: site,
            machine: ProcessInfo.processInfo.hostName
        )
        let source = HostSource(path: path, host: host.name, environment: environment)
        let edition = try source.read()
        let logger = log.logger(host.manager)
        let manager = HostManager(source, edition, time: SystemTimeSource(), logger: logger)
        let hangUps = HangUps { manager.askForReload() }
        defer { withExtendedLifetime(hangUps) {} }
        let keeping = log.keep(logger)
        defer { keeping?.cancel() }
        try await InstanceRunner(site: edition.site, classes: AgentClasses.all, logger: logger)
            .run(manager, of: host)
    }
}

/// Calls something at each SIGHUP, which then does not end the process.
private final class HangUps {
    private let source: any DispatchSourceSignal

    init(_ body: @escaping @Sendable () -> Void) {
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP)
        source.setEventHandler(handler: body)
        source.activate()
    }

    deinit { source.cancel() }
}

internal import AgentRuntime
internal import ArgumentParser
internal import Dispatch
internal import Foundation
internal import Log
internal import Logging
internal import SiteConfig
internal import Telemetry

/// `cerro agent`: one instance by itself.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Runs one instance of the site.",
        subcommands: [AgentRunCommand.self]
    )
}

/// `cerro agent run`: one instance in the foreground, as `cerro up` starts it too.
struct AgentRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs one instance of the site in the foreground, until Ctrl-C.",
        discussion: "Exits with 4 if another process holds the instance."
    )

    @Argument(help: "The instance; `registry` is the registry.")
    var instance: String

    @Flag(
        name: .customLong("until-stdin-closes"),
        help: "Also ends when standard input closes: a supervisor that dies takes it along."
    )
    var endsWithInput = false

    @Option(
        name: .customLong("log-level"),
        help: "How much is logged: debug, info, notice, warning or error."
    )
    var level = Logger.Level.info.rawValue

    @OptionGroup var site: SiteOption

    func run() async throws {
        guard let level = Logger.Level(rawValue: level) else {
            throw CommandFailure(
                .usage,
                "--log-level is `\(level)`; expected debug, info, notice, warning or error"
            )
        }
        // Who reads the log may go away; that must not end the instance.
        signal(SIGPIPE, SIG_IGN)
        if endsWithInput { Self.endWithInput() }
        var logger = Logger(label: instance) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        let site = try site.load()
        do {
            try await InstanceRunner(site: site, classes: AgentClasses.all, logger: logger)
                .run(instance)
        } catch let exit as AgentExit {
            throw CommandFailure(Self.status(of: exit), "\(exit)")
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.failed, "\(instance) cannot run: \(error)")
        }
    }

    /// How the process ends after an agent's own end.
    static func status(of exit: AgentExit) -> ExitStatus {
        switch exit {
        case .refused: .refused
        case .cannotStart: .failed
        }
    }

    /// Ends this process in order, as SIGTERM does, once standard input is closed.
    private static func endWithInput() {
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while true {
                let count = read(STDIN_FILENO, &byte, 1)
                if count == 0 || count < 0 && errno != EINTR { break }
            }
            kill(getpid(), SIGTERM)
        }
    }
}

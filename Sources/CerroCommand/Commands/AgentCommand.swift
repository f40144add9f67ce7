internal import AgentRuntime
internal import ArgumentParser
internal import Foundation
internal import Log
internal import Logging
internal import SiteConfig
internal import Telemetry

/// `cerro agent run`: one instance in the foreground.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Runs one instance.",
        subcommands: [Run.self]
    )

    /// `cerro agent run INSTANCE`.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Runs one instance of the site file in the foreground, until Ctrl-C.",
            discussion: """
                The instance `registry` is the registry. Exit code 4 means that another process \
                holds the instance; the message names it.
                """
        )

        @Argument(help: "The instance id.", completion: SiteCompletion.instances)
        var instance: String

        @OptionGroup var site: SiteOption

        @Option(
            help: "Log this and what is worse: debug, info, notice, warning, error.",
            transform: LogLevel.parse
        )
        var logLevel = Logger.Level.notice

        @Flag(help: "End when standard input closes, as it does when a supervisor dies.")
        var untilStdinCloses = false

        @Option(help: ArgumentHelp("Write to this file, one a day, instead.", valueName: "file"))
        var log: String?

        func run() async throws {
            let log = log.map { LogFile(path: $0) }
            try log?.becomeOutput()
            let site = try site.load(check: AgentClasses.check)
            var logger = Logger(label: instance) { StreamLogHandler.standardError(label: $0) }
            logger.logLevel = logLevel
            // Who reads the log may go away; that must not end the instance.
            signal(SIGPIPE, SIG_IGN)
            if untilStdinCloses { ParentWatch.start() }
            let keeping = log.map { log in
                // Ends with the process.
                Task { [logger] in
                    await log.keep(SystemTimeSource()) { logger.error("\($0)") }
                }
            }
            defer { keeping?.cancel() }
            do {
                try await InstanceRunner(site: site, classes: AgentClasses.all, logger: logger)
                    .run(instance)
            } catch let error as LogError {
                guard case .held = error else { throw CommandFailure(.failed, "\(error)") }
                throw CommandFailure(.refused, "\(error)")
            } catch let exit as AgentExit {
                guard case .refused = exit else { throw CommandFailure(.failed, "\(exit)") }
                throw CommandFailure(.refused, "\(exit)")
            }
        }
    }
}

/// Log levels as the command line names them.
private enum LogLevel {
    static func parse(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("`\(text)` is no log level; there are \(known)")
        }
        return level
    }
}

/// Ends this process in order when its parent is gone: the parent holds the other end of standard
/// input, and the kernel closes it whatever the parent died of.
private enum ParentWatch {
    static func start() {
        let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO)
        source.setEventHandler {
            var byte: UInt8 = 0
            // Whatever is written there means nothing; only its end does.
            guard read(STDIN_FILENO, &byte, 1) == 0 else { return }
            source.cancel()
            kill(getpid(), SIGTERM)
        }
        source.activate()
    }
}

internal import ArgumentParser
internal import Foundation
internal import SiteConfig

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

        @OptionGroup var log: LogOption

        @Flag(help: "End when standard input closes, as it does when a supervisor dies.")
        var untilStdinCloses = false

        @Option(
            help: ArgumentHelp(
                "Take the site file's text from this copy; for host managers.",
                valueName: "file",
                visibility: .hidden
            )
        )
        var copy: String?

        func run() async throws {
            try log.begin()
            let site = try site.load(copy: copy, check: AgentClasses.check)
            let logger = log.logger(instance)
            if untilStdinCloses { ParentWatch.start() }
            let keeping = log.keep(logger)
            defer { keeping?.cancel() }
            try await InstanceRunner(
                site: site,
                copy: copy,
                classes: AgentClasses.all,
                logger: logger
            )
            .run(instance)
        }
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

internal import ArgumentParser
internal import Foundation
internal import Telemetry

/// `cerro` itself: the subcommands, and what each command line has in common.
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cerro",
        abstract: "Runs the instruments of an observatory and keeps everything they say.",
        discussion: """
            Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 not reachable, 4 refused, \
            5 timed out. With --json a failure without an answer is a document, too: \
            {"error": {"code": …, "message": …}}.
            """,
        version: Version.current,
        subcommands: [
            UpCommand.self, HostCommand.self, AgentCommand.self, StatusCommand.self,
            CallCommand.self,
            DescribeCommand.self, WatchCommand.self, LogsCommand.self, FaultsCommand.self,
            AuditCommand.self, ControlCommand.self, TokenCommand.self, FieldsCommand.self,
            GetCommand.self, PlotCommand.self, GapsCommand.self, WhyCommand.self,
            DoctorCommand.self,
            ArchiveCommand.self, ConfigCommand.self, KeysCommand.self, EmulateCommand.self,
            BenchCommand.self,
        ]
    )
}

/// The command line as one function.
public enum CommandLineTool {
    /// Runs `cerro` with arguments (without its name); returns the code to exit with.
    ///
    /// Help and version go to standard output, errors to standard error.
    public static func run(_ arguments: [String]) async -> Int32 {
        let console = Console.system(environment: ProcessInfo.processInfo.environment)
        return await run(arguments, console: console)
    }

    /// Runs with another console, for tests.
    static func run(_ arguments: [String], console: Console) async -> Int32 {
        let code = await carryOut(arguments, console)
        guard let loss = console.lossOfAnswer else { return code }
        console.note("cerro: \(loss)")
        return code == ExitStatus.done.rawValue ? loss.status.rawValue : code
    }

    private static func carryOut(_ arguments: [String], _ console: Console) async -> Int32 {
        do {
            var command = try await RootCommand.asyncParseAsRoot(arguments)
            try await Console.$current.withValue(console) {
                if var asynchronous = command as? any AsyncParsableCommand {
                    try await asynchronous.run()
                } else {
                    try command.run()
                }
            }
            return ExitStatus.done.rawValue
        } catch let failure as CommandFailure {
            if !failure.message.isEmpty {
                console.note("cerro: " + failure.message)
                tell(failure, arguments, console)
            }
            return failure.status.rawValue
        } catch {
            return finish(error, arguments, console)
        }
    }

    /// Whoever wanted a document gets one: that of the failure, where there is no answer.
    private static func tell(
        _ failure: CommandFailure,
        _ arguments: [String],
        _ console: Console
    ) {
        let words = arguments.prefix { $0 != "--" }
        let wantsDocument =
            words.contains("--json") || words.contains("--format=json")
            || zip(words, words.dropFirst()).contains { $0 == "--format" && $1 == "json" }
        guard wantsDocument, !console.hasAnswered else { return }
        console.answer(failure.document.json)
    }

    /// Help, version and usage errors come as errors of the parser.
    private static func finish(
        _ error: any Error,
        _ arguments: [String],
        _ console: Console
    ) -> Int32 {
        let message = RootCommand.fullMessage(for: error)
        switch RootCommand.exitCode(for: error) {
        case .success:
            console.answer(message)
            return ExitStatus.done.rawValue
        case .validationFailure:
            console.note(message)
            let reason = RootCommand.message(for: error)
            tell(CommandFailure(.usage, reason), arguments, console)
            return ExitStatus.usage.rawValue
        default:
            console.note("cerro: \(error)")
            tell(CommandFailure(.failed, "\(error)"), arguments, console)
            return ExitStatus.failed.rawValue
        }
    }
}

/// What this build calls itself.
enum Version {
    static let current = "0.1.0"
}

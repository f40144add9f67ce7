internal import ArgumentParser
internal import Foundation
internal import Logging
internal import Telemetry

/// The options `--log-level` and `--log` of what runs until it is stopped.
struct LogOption: ParsableArguments {
    @Option(
        help: "Log this and what is worse: debug, info, notice, warning, error.",
        transform: Self.level
    )
    var logLevel = Logger.Level.notice

    @Option(help: ArgumentHelp("Write to this file, one a day, instead.", valueName: "file"))
    var log: String?

    /// Has the output go where it belongs, and nobody who stops reading it end the process.
    func begin() throws(CommandFailure) {
        signal(SIGPIPE, SIG_IGN)
        try log.map { LogFile(path: $0) }?.becomeOutput()
    }

    /// A logger to standard error.
    func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        return logger
    }

    /// Puts the file aside at the end of each day, until cancelled.
    func keep(_ logger: Logger) -> Task<Void, Never>? {
        log.map { path in
            // Ends with the process.
            Task {
                await LogFile(path: path).keep(SystemTimeSource()) { logger.error("\($0)") }
            }
        }
    }

    private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("`\(text)` is no log level; there are \(known)")
        }
        return level
    }
}

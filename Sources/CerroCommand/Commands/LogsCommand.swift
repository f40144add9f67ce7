internal import ArgumentParser
internal import Foundation
internal import SiteConfig
internal import Telemetry

/// `cerro logs`: what an instance of this host printed.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Shows what an instance of this host printed.",
        discussion: "`cerro up` keeps it in the folder `logs` beside the spool."
    )

    @Argument(
        help: "The instance; `registry` is the registry.",
        completion: SiteCompletion.instances
    )
    var instance: String

    @Flag(name: .shortAndLong, help: "Goes on with new lines until Ctrl-C.")
    var follow = false

    @Option(name: [.customShort("n"), .long], help: "How many of the last lines to show.")
    var lines = Limits.logLines

    @OptionGroup var site: SiteOption

    func validate() throws {
        guard (0...1_000_000).contains(lines) else {
            throw ValidationError("--lines is \(lines); expected 0 to 1000000")
        }
    }

    func run() async throws {
        let site = try site.load()
        let console = Console.current
        var tail = try LogTail(path: try Self.file(of: instance, at: site))
        for line in tail.last(lines) { console.answer(line) }
        guard follow else { return }
        let start = tail
        _ = try await Signals.cancelling {
            var tail = start
            while !Task.isCancelled {
                for line in tail.next() { console.answer(line) }
                do { try await SystemTimeSource().sleep(for: Limits.logPolling) } catch { return }
            }
        }
    }

    /// The log file of an instance, or why there can be none.
    static func file(of instance: String, at site: Site) throws(CommandFailure) -> String {
        let known = [Site.registryID] + site.hosts.flatMap(\.agents).map(\.id)
        guard known.contains(instance) else {
            throw CommandFailure(
                .failed,
                "\(site.file) has no instance \(instance); there are "
                    + known.joined(separator: ", ")
            )
        }
        return LogFolder.file(of: instance, at: site)
    }
}

/// Reads a growing file line by line; one that was put aside is read to its end, and then its
/// successor.
struct LogTail: Sendable {
    private let path: String
    private var file: FileHandle?
    private var open: [UInt8] = []

    /// The file at `path`.
    init(path: String) throws(CommandFailure) {
        self.path = path
        file = FileHandle(forReadingAtPath: path)
        guard file != nil else {
            throw CommandFailure(
                .failed,
                "there is no log \(path) on this machine. It is written where `cerro up` or "
                    + "`cerro host run` runs the instance; run this command there, by a user who "
                    + "may read it"
            )
        }
    }

    /// The last `count` lines; reading goes on behind them.
    mutating func last(_ count: Int) -> [String] {
        let all = next()
        return Array(all.suffix(count))
    }

    /// The whole lines that were added since.
    mutating func next() -> [String] {
        var lines = read()
        while isPutAside, let successor = FileHandle(forReadingAtPath: path) {
            // What was written between the two looks.
            lines += read()
            try? file?.close()
            file = successor
            lines += read()
        }
        return lines
    }

    private mutating func read() -> [String] {
        guard let bytes = try? file?.read(upToCount: Limits.logFileBytes), !bytes.isEmpty else {
            return []
        }
        var lines = (open + bytes).split(separator: 0x0A, omittingEmptySubsequences: false)
        open = Array(lines.removeLast().suffix(Limits.outputPieceBytes))
        return lines.map { TextTable.onOneLine(String(decoding: $0, as: UTF8.self)) }
    }

    /// Whether another file has the name now.
    private var isPutAside: Bool {
        var (own, named) = (stat(), stat())
        guard let file, fstat(file.fileDescriptor, &own) == 0, stat(path, &named) == 0 else {
            return file == nil
        }
        return own.st_ino != named.st_ino
    }
}

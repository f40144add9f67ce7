internal import AgentClient
internal import ArgumentParser
internal import Foundation
internal import SiteConfig
internal import Telemetry

/// `cerro logs` and `cerro host logs`: what an instance printed, wherever it runs.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Shows what an instance printed, on whichever host it runs.",
        discussion: """
            It stands in the folder `logs` beside the spool of the instance's host: one file a \
            day. On another host the host's manager is asked for it, \
            \(HumanText.byteCount(Int64(Limits.logReplyBytes))) at a time.
            """
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
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard (0...1_000_000).contains(lines) else {
            throw ValidationError("--lines is \(lines); expected 0 to 1000000")
        }
        guard !(follow && format.isJSON) else {
            throw ValidationError("--json is one document, and --follow does not end; drop one")
        }
    }

    func run() async throws {
        let site = try site.load()
        let host = try HostDirectory.host(of: instance, at: site)
        let file = LogFile(path: LogFolder.file(of: instance, at: site))
        let isHere = Self.isHere(host, of: site)
        let refusal = isHere ? file.refusal : nil
        if isHere, refusal == nil, FileManager.default.fileExists(atPath: file.path) {
            return try await show(Limits.logPolling) { place in
                if let place {
                    return try file.next(after: place, mostBytes: Limits.logFileBytes)
                }
                return try file.last(lines, mostBytes: Limits.logFileBytes)
            }
        }
        do {
            try await showFromAfar(host, at: site)
        } catch let failure as CommandFailure where failure.status == .unreachable {
            // Nobody is there to read it instead of this user.
            throw refusal.map { CommandFailure(.failed, "\($0)") } ?? failure
        }
    }

    /// Shows what the manager of the host reads.
    private func showFromAfar(_ host: SiteConfig.Host, at site: Site) async throws {
        try await SiteConnection.with(site) { client in
            try await show(Limits.remoteLogPolling) { place in
                let answer = try await HostDirectory.ask(
                    client,
                    host,
                    HostManager.logQuery,
                    [
                        "instance": .string(instance), "lines": .int(Int64(lines)),
                        "place": place?.value ?? .null,
                    ]
                )
                guard let piece = LogPiece(answer) else {
                    throw ClientError.malformed(host.manager)
                }
                return piece
            }
        }
    }

    /// Whether this machine may be `host`: it is, or nothing says which one it is.
    private static func isHere(_ host: SiteConfig.Host, of site: Site) -> Bool {
        let process = ProcessInfo.processInfo
        let here = try? HostChoice.host(
            named: HostChoice.name(in: process.environment),
            of: site,
            machine: process.hostName
        )
        return here == nil || here?.name == host.name
    }

    /// Shows the last lines, and what follows them where that is asked for.
    private func show(
        _ pause: Duration,
        _ read: @escaping @Sendable (LogPlace?) async throws -> LogPiece
    ) async throws {
        let console = Console.current
        let first = try await read(nil)
        guard !format.isJSON else {
            console.answer(Value.array(first.lines.map(Value.string)).json)
            return
        }
        for line in first.lines { console.answer(line) }
        guard follow else { return }
        _ = try await Signals.cancelling {
            var place = first.place
            while true {
                let piece = try await read(place)
                for line in piece.lines { console.answer(line) }
                // What did not fit one reply follows at once.
                let isAtEnd = piece.place == place
                place = piece.place
                guard isAtEnd else { continue }
                do { try await SystemTimeSource().sleep(for: pause) } catch { return }
            }
        }
    }
}

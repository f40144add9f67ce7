internal import ArgumentParser
internal import Telemetry

/// `cerro bench`: what this machine reaches, beside what it could reach at best.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures this machine with processes of its own, beside the floors.",
        discussion: """
            Nothing of a running site is touched: each run has a site of its own in a temporary \
            folder, of which nothing is left, after Ctrl-C neither. A floor is what the machine \
            does without Cerro, in the same run: figures mean something as ratios to it. Whoever \
            loses a row or has it twice fails.
            """,
        subcommands: [
            Ingest.self, Idle.self, CatchUp.self, Recover.self, Memory.self, Commands.self,
            Faults.self, Curve.self, Registry.self, Archive.self,
        ]
    )
}

/// What all benchmarks take.
struct BenchOptions: ParsableArguments {
    @Option(
        help: "The folder whose disk is measured; else the temporary one.",
        completion: .directory
    )
    var folder: String?

    @OptionGroup var format: FormatOption

    /// Runs a benchmark until it is over, or told to end, and prints what it found.
    func answer(_ body: @escaping @Sendable () async throws -> [BenchReport]) async throws {
        do {
            let (reports, _) = try await Signals.cancelling(body)
            Console.current.endProgress()
            try BenchReport.answer(reports, asJSON: format.isJSON)
        } catch is CancellationError {
            Console.current.endProgress()
            throw CommandFailure(.failed, "ended before anything was found; nothing is left of it")
        }
    }
}

/// How many agents publish how much, where a benchmark lets that be chosen.
struct LoadOptions: ParsableArguments {
    @Option(help: "Agents that publish; else as said above.")
    var agents: Int?

    @Option(help: "Messages a second of all agents; else as said above.")
    var rate: Double?

    func validate() throws {
        guard agents.map({ (1...200).contains($0) }) ?? true,
            rate.map({ (0.1...1e7).contains($0) }) ?? true
        else { throw ValidationError("agents are 1 to 200, the rate 0.1 to 10000000 a second") }
    }
}

/// How long something goes on, where a benchmark lets that be chosen.
struct TimeOption: ParsableArguments {
    @Option(help: "Seconds that it goes on; else as said above.")
    var duration: Double?

    func validate() throws {
        guard duration.map({ (0.1...3600).contains($0) }) ?? true else {
            throw ValidationError("the duration is 0.1 to 3600 s")
        }
    }
}

/// Fields and rows of one message.
struct Shape: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let fields: Int, rows: Int

    var description: String { "\(fields)x\(rows)" }

    init(fields: Int, rows: Int) {
        self.fields = fields
        self.rows = rows
    }

    /// Reads `16x60`; nil for anything else.
    init?(argument: String) {
        let parts = argument.split(separator: "x", omittingEmptySubsequences: false)
        guard parts.count == 2, let fields = Int(parts[0]), let rows = Int(parts[1]),
            (2...Feed.mostFields).contains(fields), (1...Block.mostRows).contains(rows)
        else { return nil }
        self.init(fields: fields, rows: rows)
    }
}

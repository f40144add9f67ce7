internal import ArgumentParser
internal import Telemetry

/// `cerro bench`: what this machine reaches, beside what it could reach at best.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures this machine with processes of its own, beside the floors.",
        discussion: """
            Nothing of a running site is touched: each run has a site of its own in a temporary \
            folder. A floor is what the machine does without Cerro, in the same run: figures mean \
            something as ratios to it.
            """,
        subcommands: [
            Ingest.self, Commands.self, Faults.self, Recovery.self, Archive.self,
        ]
    )

    /// `cerro bench ingest`.
    struct Ingest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ingest",
            abstract: "Messages from agents to the synced journal, each counted there.",
            discussion: """
                Fails if a row is missing or there twice. A message counts as committed when the \
                journal with it is synced; the time begins with the first command to publish.
                """
        )

        @Option(help: "Fields × rows of a message: 10x1 or 16x60, or others.")
        var shape = Shape(fields: 10, rows: 1)

        @Option(help: "Agents that publish.")
        var agents = 1

        @Option(help: "Seconds of publishing.")
        var duration = 5.0

        @Option(help: "Messages a second of all agents; else as fast as the path takes them.")
        var rate: Double?

        @Option(help: "How often it is measured.")
        var runs = 3

        @Option(help: "The folder whose disk is measured; else the temporary one.")
        var folder: String?

        @OptionGroup var format: FormatOption

        func validate() throws {
            guard (1...64).contains(agents), (0.1...600).contains(duration),
                (1...100).contains(runs), rate.map({ (1...1e7).contains($0) }) ?? true
            else {
                throw ValidationError(
                    "agents are 1 to 64, the duration 0.1 to 600 s, runs 1 to 100, the rate 1 or "
                        + "more a second"
                )
            }
        }

        func run() async throws {
            let bench = IngestBench(
                shape: shape,
                agents: agents,
                seconds: duration,
                rate: rate,
                folder: folder
            )
            var runs: [IngestBench.Run] = []
            for number in 1...self.runs {
                Console.current.progress("run \(number) of \(self.runs)")
                runs.append(try await bench.run())
            }
            Console.current.endProgress()
            try BenchReport.answer([IngestBench.report(shape, runs)], asJSON: format.isJSON)
        }
    }

    /// `cerro bench command`.
    struct Commands: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "command",
            abstract: "Round trips of commands to an agent in another process."
        )

        @Option(help: "Round trips of each kind.")
        var rounds = 2000

        @OptionGroup var format: FormatOption

        func validate() throws {
            guard (10...100_000).contains(rounds) else {
                throw ValidationError("rounds are 10 to 100000")
            }
        }

        func run() async throws {
            let reports = try await CommandBench(rounds: rounds).run()
            try BenchReport.answer(reports, asJSON: format.isJSON)
        }
    }
}

extension BenchCommand {
    /// `cerro bench faults`.
    struct Faults: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "faults",
            abstract: "What is lost while parts of a site fail, and when all is caught up.",
            discussion: """
                Fails if a row is missing or there twice. `disk` fills the disk of --small-disk: \
                give it one of its own, such as a tmpfs.
                """
        )

        @Option(help: "What fails: killed, stalled, registry, disk; all that are possible.")
        var fault: [FaultBench.Fault] = []

        @Option(help: "Seconds that it lasts; else 5, 40, 20 and 20.")
        var seconds: Double?

        @Option(help: "Messages a second of all agents.")
        var rate = 50_000.0

        @Option(help: "Agents that publish.")
        var agents = 4

        @Option(help: "The folder whose disk is measured; else the temporary one.")
        var folder: String?

        @Option(help: "A folder on a disk that may be filled.")
        var smallDisk: String?

        @OptionGroup var format: FormatOption

        func validate() throws {
            guard (1...64).contains(agents), (1...1e6).contains(rate),
                seconds.map({ (0.1...3600).contains($0) }) ?? true
            else {
                throw ValidationError(
                    "agents are 1 to 64, seconds 0.1 to 3600, the rate 1 to 1000000 a second"
                )
            }
        }

        func run() async throws {
            let possible = FaultBench.Fault.allCases.filter { $0 != .disk || smallDisk != nil }
            var reports: [BenchReport] = []
            for fault in fault.isEmpty ? possible : fault {
                Console.current.progress(fault.name)
                let bench = FaultBench(
                    fault: fault,
                    seconds: seconds ?? fault.seconds,
                    rate: rate,
                    agents: agents,
                    folder: folder,
                    smallDisk: smallDisk
                )
                reports.append(try await bench.run())
            }
            Console.current.endProgress()
            try BenchReport.answer(reports, asJSON: format.isJSON)
        }
    }

    /// `cerro bench recovery`.
    struct Recovery: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "recovery",
            abstract: "How soon a killed aggregator records again, and has caught up an hour."
        )

        @Option(help: "MiB of journal that the killed aggregator leaves.")
        var journal = 4096

        @Option(help: "The folder whose disk is measured; else the temporary one.")
        var folder: String?

        @OptionGroup var format: FormatOption

        func validate() throws {
            guard (1...65_536).contains(journal) else {
                throw ValidationError("the journal is 1 to 65536 MiB")
            }
        }

        func run() async throws {
            let bench = RecoveryBench(folder: folder)
            let reports = [
                try await bench.ready(journalBytes: journal << 20), try await bench.catchUp(),
            ]
            try BenchReport.answer(reports, asJSON: format.isJSON)
        }
    }
}

extension FaultBench.Fault: ExpressibleByArgument {}

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

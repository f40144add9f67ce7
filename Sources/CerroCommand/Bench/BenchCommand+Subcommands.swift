internal import ArgumentParser

extension BenchCommand {
    /// `cerro bench ingest`.
    struct Ingest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ingest",
            abstract: "Messages from agents to the synced journal, each counted there.",
            discussion: """
                A message counts as committed when the journal with it is synced; the time begins \
                with the first command to publish. One agent for 5 s, as fast as the path takes \
                them, unless said otherwise.
                """
        )

        @Option(help: "Fields × rows of a message: 10x1 or 16x60, or others.")
        var shape = Shape(fields: 10, rows: 1)

        @Option(help: "How often it is measured.")
        var runs = 3

        @OptionGroup var load: LoadOptions
        @OptionGroup var time: TimeOption
        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard (1...100).contains(runs) else { throw ValidationError("runs are 1 to 100") }
        }

        func run() async throws {
            let bench = IngestBench(
                load: BenchLoad(shape: shape, agents: load.agents ?? 1),
                seconds: time.duration ?? 5,
                rate: load.rate,
                folder: options.folder
            )
            let count = runs
            try await options.answer {
                var runs: [IngestBench.Run] = []
                for number in 1...count {
                    Console.current.progress("run \(number) of \(count)")
                    runs.append(try await bench.run())
                }
                return [IngestBench.report(bench.load.shape, runs)]
            }
        }
    }

    /// `cerro bench idle`.
    struct Idle: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "idle",
            abstract: "Processor time of a site at rest, and of one message at an ordinary rate.",
            discussion: """
                At rest: 50 agents of 10 feeds, each 1 message a second, with registry, \
                aggregator and reader, for 30 s. Ordinary: 20 agents that publish 3,000 messages a \
                second. Messages have 10 fields and 1 row; agents publish when the clock of their \
                host shows a multiple of the period, as all that sample at a constant rate do.
                """
        )

        @OptionGroup var load: LoadOptions
        @OptionGroup var time: TimeOption
        @OptionGroup var options: BenchOptions

        func run() async throws {
            let bench = RestBench(
                agents: load.agents ?? 50,
                seconds: time.duration ?? 30,
                folder: options.folder
            )
            let path = RestBench(
                BenchLoad(agents: 20),
                rate: load.rate ?? 3000,
                seconds: min(time.duration ?? 10, 10),
                folder: options.folder
            )
            try await options.answer {
                Console.current.progress("at rest")
                let rest = try await bench.processorTime()
                Console.current.progress("one message")
                return [rest, try await path.messageTime()]
            }
        }
    }

    /// `cerro bench catchup`.
    struct CatchUp: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "catchup",
            abstract: "How soon an aggregator that was away has an hour of 10,000 values a second."
        )

        @OptionGroup var options: BenchOptions

        func run() async throws {
            let bench = RecoveryBench(folder: options.folder)
            try await options.answer { [try await bench.catchUp()] }
        }
    }

    /// `cerro bench recover`.
    struct Recover: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "recover",
            abstract: "How soon a killed aggregator with a long journal commits again."
        )

        @Option(help: "MiB of journal that the killed aggregator leaves.")
        var journal = 4096

        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard (1...65_536).contains(journal) else {
                throw ValidationError("the journal is 1 to 65536 MiB")
            }
        }

        func run() async throws {
            let bench = RecoveryBench(folder: options.folder)
            let byteCount = journal << 20
            try await options.answer { [try await bench.ready(journalBytes: byteCount)] }
        }
    }

    /// `cerro bench memory`.
    struct Memory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "memory",
            abstract: "Memory of an agent, the registry, the aggregator and the reader.",
            discussion: """
                In a site at rest as `cerro bench idle` has it, after 20 s. What is resident is \
                shared in part with all other processes of the program; what is anonymous is not.
                """
        )

        @OptionGroup var load: LoadOptions
        @OptionGroup var time: TimeOption
        @OptionGroup var options: BenchOptions

        func run() async throws {
            let bench = RestBench(
                agents: load.agents ?? 50,
                seconds: time.duration ?? 20,
                folder: options.folder
            )
            try await options.answer { try await bench.memory() }
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

        @OptionGroup var options: BenchOptions

        func validate() throws {
            guard (10...100_000).contains(rounds) else {
                throw ValidationError("rounds are 10 to 100000")
            }
        }

        func run() async throws {
            let bench = CommandBench(rounds: rounds, folder: options.folder)
            try await options.answer { try await bench.run() }
        }
    }

    /// `cerro bench faults`.
    struct Faults: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "faults",
            abstract: "What is lost while parts of a site fail, and when all is caught up.",
            discussion: """
                4 agents publish 50,000 messages a second. The aggregator is killed and away for \
                5 s, or stands still for 40 s; the registry is away for 20 s; the disk of \
                --small-disk is full for 20 s: give that one of its own, such as a tmpfs.
                """
        )

        @Option(help: "What fails: killed, stalled, registry, disk; all that are possible.")
        var fault: [FaultBench.Fault] = []

        @Option(help: "A folder on a disk that may be filled.", completion: .directory)
        var smallDisk: String?

        @OptionGroup var load: LoadOptions
        @OptionGroup var time: TimeOption
        @OptionGroup var options: BenchOptions

        func run() async throws {
            let possible = FaultBench.Fault.allCases.filter { $0 != .disk || smallDisk != nil }
            let benches = (fault.isEmpty ? possible : fault).map { fault in
                FaultBench(
                    fault: fault,
                    load: BenchLoad(agents: load.agents ?? 4),
                    seconds: time.duration ?? fault.seconds,
                    rate: load.rate ?? 50_000,
                    folder: options.folder,
                    smallDisk: smallDisk
                )
            }
            try await options.answer {
                var reports: [BenchReport] = []
                for bench in benches {
                    Console.current.progress(bench.fault.name)
                    reports.append(try await bench.run())
                }
                return reports
            }
        }
    }
}

extension FaultBench.Fault: ExpressibleByArgument {}

internal import ArgumentParser
internal import Telemetry

extension BenchCommand {
    /// `cerro bench archive`.
    struct Archive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "archive",
            abstract: "Sealing and reading of made-up samples, without a site.",
            discussion: """
                The archive set is 25 feeds of 8 fields, a row a second, for 24 h. Other looks of \
                the samples show what else the encodings have to stand.
                """
        )

        @Option(help: "What is measured: \(names.joined(separator: ", ")); else all.")
        var measure: [String] = []

        @Option(help: "What the samples look like.")
        var look = SampleSet.Look.housekeeping

        @Option(help: "Feeds.")
        var feeds = 25

        @Option(help: "Fields of each feed; else one of each kind that the look has.")
        var fields: Int?

        @Option(help: "Rows a second of each feed.")
        var rate = 1.0

        @Option(help: "Hours of samples.")
        var hours = 24

        @Option(help: "What makes the samples different from others.")
        var seed: UInt64 = 1

        @Option(help: "How often each figure is taken.")
        var runs = 3

        @OptionGroup var bench: BenchOptions

        private static var names: [String] { ArchiveBench.measures.map { $0.name } }

        func validate() throws {
            guard (1...10_000).contains(feeds), (1...Feed.mostFields).contains(fields ?? 1),
                (0.01...1000).contains(rate), (1...9000).contains(hours),
                (1...100).contains(runs), measure.allSatisfy(Self.names.contains)
            else {
                throw ValidationError(
                    "feeds are 1 to 10000, fields to 4096, the rate 0.01 to 1000, hours 1 to "
                        + "9000, runs 1 to 100, measures \(Self.names.joined(separator: ", "))"
                )
            }
        }

        func run() async throws {
            let set = SampleSet(
                look: look,
                feeds: feeds,
                fields: fields ?? 0,
                rate: rate,
                seed: seed
            )
            let (hours, runs, parent) = (hours, runs, bench.folder)
            let kinds = ArchiveBench.measures.filter {
                measure.isEmpty || measure.contains($0.name)
            }
            try await bench.answer {
                try await ArchiveBench.withFolder(in: parent) { folder in
                    let bench = ArchiveBench(set: set, hours: hours, runs: runs, folder: folder)
                    var reports: [BenchReport] = []
                    for kind in kinds {
                        Console.current.progress(kind.name)
                        reports += try await kind.run(bench)
                    }
                    return reports
                }
            }
        }
    }
}

extension SampleSet.Look: ExpressibleByArgument {}

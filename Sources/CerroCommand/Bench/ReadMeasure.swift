internal import AgentClient
internal import Archive
internal import Foundation
internal import Reader
internal import Telemetry

/// How long raw samples take from the files to arrays: in process, and in a client of a reader's
/// process; of sealed files, and of a journal that nobody has sealed.
///
/// Every answer has to hold as many samples as were written.
enum ReadMeasure: ArchiveMeasure {
    static let name = "read"

    /// What is asked for, and how often.
    private struct Question {
        let name: String
        let names: [String]
        let range: Range<Timestamp>

        var query: DataQuery {
            DataQuery(fields: names.map { FieldPattern($0) }, range: range)
        }
    }

    /// One archive, and how much of it the questions ask for.
    private struct Source {
        let name: String
        let directory: ArchiveDirectory
        let ending: String
    }

    static func run(_ bench: ArchiveBench) async throws -> [BenchReport] {
        let journal = bench.folder + "/unsealed"
        _ = try SampleArchive.writeJournal(
            of: bench.set,
            hours: bench.hours,
            rowsOfMessage: 1,
            in: journal
        )
        let sources = [
            Source(name: "sealed", directory: try await bench.sealed(), ending: ".cerro"),
            Source(name: "open", directory: ArchiveDirectory(journal), ending: ".journal"),
        ]
        var reports: [BenchReport] = []
        for source in sources {
            for question in questions(bench) {
                reports += try await inProcess(question, source, bench)
            }
            reports += try await overZeroMQ(questions(bench), source, bench)
        }
        return reports
    }

    private static func questions(_ bench: ArchiveBench) -> [Question] {
        let set = bench.set
        let names = (0..<set.feeds).flatMap { number in
            let feed = set.feed(number)
            return feed.feed.fields.map { "\(feed.instance).\(feed.feed.name).\($0.name)" }
        }
        let last = set.start + .seconds(3600 * bench.hours)
        return [
            Question(
                name: "one field × \(bench.hours) h",
                names: Array(names.prefix(1)),
                range: set.start..<last
            ),
            Question(
                name: "\(names.count) fields × 1 h",
                names: names,
                range: (last - .seconds(3600))..<last
            ),
        ]
    }

    /// Asked of the reader's own engine: with its cache, and with every chunk decoded anew.
    private static func inProcess(
        _ question: Question,
        _ source: Source,
        _ bench: ArchiveBench
    ) async throws -> [BenchReport] {
        var reports: [BenchReport] = []
        for (cache, kind) in [(0, "decoded"), (512 << 20, "cached")] {
            let service = QueryService(
                directory: source.directory.path,
                holder: "cerro bench",
                cache: cache,
                time: SystemTimeSource()
            )
            try await service.refresh()
            var samples: [Double] = []
            var values = 0
            for _ in 0..<(bench.runs * rounds) {
                let clock = ContinuousClock()
                let start = clock.now
                let answer = try await service.data(question.query)
                samples.append((clock.now - start).inSeconds * 1e3)
                values = answer.timelines.reduce(0) { $0 + $1.timestamps.count * $1.fields.count }
            }
            reports.append(
                report(question, source, "in process, \(kind)", samples, values)
            )
        }
        return reports
    }

    /// Asked of a reader in a process of its own, as clients do it.
    private static func overZeroMQ(
        _ questions: [Question],
        _ source: Source,
        _ bench: ArchiveBench
    ) async throws -> [BenchReport] {
        let entry = """
            {class: Reader, id: reader, start: [serve], arguments: {archive: \
            {directory: "\(source.directory.path)"}, reader: {listen: "127.0.0.1:0"}}}
            """
        let agents = [(id: "reader", entry: entry)]
        return try await BenchSite.with(.init(agents: agents, parent: bench.folder)) { site in
            try await site.waitUntilServing()
            var reports: [BenchReport] = []
            for question in questions {
                var samples: [Double] = []
                var values = 0
                for _ in 0..<(bench.runs * rounds) {
                    let clock = ContinuousClock()
                    let start = clock.now
                    let answer = try await ReaderQuery(site.client, reader: "reader")
                        .data(question.names, question.range, [:])
                    samples.append((clock.now - start).inSeconds * 1e3)
                    values = answer.timelines.reduce(0) { $0 + $1.times.count * $1.columns.count }
                }
                reports.append(report(question, source, "over ZeroMQ", samples, values))
            }
            return reports
        }
    }

    /// How often a question is asked in each run.
    private static let rounds = 20

    private static func report(
        _ question: Question,
        _ source: Source,
        _ way: String,
        _ samples: [Double],
        _ values: Int
    ) -> BenchReport {
        let bytes = Double(values * 8) * (1 + 1 / Double(question.names.count))
        return BenchReport(
            name: "read \(question.name), \(source.name), \(way)",
            samples: samples,
            unit: "ms",
            isRate: false,
            floors: [
                BenchReport.Floor(
                    name: "copying the answer in memory",
                    median: bytes / MemoryFloor.copiedBytesPerSecond() * 1e3
                )
            ],
            details: [
                "values": Double(values), "fastest": samples.min() ?? .nan,
                "p99": BenchReport.quantile(0.99, of: samples),
            ]
        )
    }
}

extension BenchSite {
    /// Waits until the reader answers from its archive.
    fileprivate func waitUntilServing() async throws {
        let time = SystemTimeSource()
        let deadline = time.monotonic + Limits.benchStart
        while true {
            let all = Timestamp(seconds: 1)..<Timestamp.publishable.upperBound
            let fields = try? await ReaderQuery(client, reader: "reader").fields([], all)
            if let fields, !fields.isEmpty { return }
            guard time.monotonic < deadline else {
                throw CommandFailure(.failed, "the reader of the benchmark does not answer")
            }
            try await time.sleep(for: .milliseconds(50))
        }
    }
}

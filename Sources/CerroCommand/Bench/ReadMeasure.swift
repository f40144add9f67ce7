internal import AgentClient
internal import Archive
internal import Foundation
internal import Reader
internal import Telemetry

/// How long raw samples take from the files to arrays: in process, and in a client of a reader's
/// process; of sealed files, and of a journal that nobody has sealed.
///
/// The files are open and in the page cache. Each round asks for samples that nobody has asked for
/// before, and then for the same ones again, which the reader's cache has. Every answer has to hold
/// all rows that were written.
enum ReadMeasure: ArchiveMeasure {
    static let name = "read"

    /// Questions that are alike: each round asks another one.
    private struct Question {
        let name: String
        /// The fields and the range of a round.
        let rounds: [(names: [String], range: Range<Timestamp>)]
    }

    private struct Source {
        let name: String
        let directory: ArchiveDirectory
    }

    /// One answer: how long it took, what it held, and what it should have held.
    private struct Sample {
        let milliseconds: Double
        let values: Int, expected: Int
    }

    static func run(_ bench: ArchiveBench) async throws -> [BenchReport] {
        let journal = bench.folder + "/unsealed"
        _ = try SampleArchive.writeJournal(
            of: bench.set,
            hours: bench.hours,
            rowsOfMessage: 60,
            in: journal
        )
        var reports: [BenchReport] = []
        for source in [
            Source(name: "sealed", directory: try await bench.sealed()),
            Source(name: "open", directory: ArchiveDirectory(journal)),
        ] {
            let rows = rows(of: bench)
            reports += try await inProcess(source, bench, rows)
            reports += try await overZeroMQ(source, bench, rows)
        }
        return reports
    }

    private static func questions(_ bench: ArchiveBench) -> [Question] {
        let set = bench.set
        let feeds = (0..<set.feeds).map { number in
            let feed = set.feed(number)
            return feed.feed.fields.map { "\(feed.instance).\(feed.feed.name).\($0.name)" }
        }
        let hours = (0..<bench.hours).map { set.start + .seconds(3600 * $0) }
        let end = set.start + .seconds(3600 * bench.hours)
        return [
            Question(
                name: "one field × \(bench.hours) h",
                rounds: feeds.map { (Array($0.prefix(1)), set.start..<end) }
            ),
            Question(
                name: "\(feeds.joined().count) fields × 1 h",
                rounds: hours.map { (Array(feeds.joined()), $0..<($0 + .seconds(3600))) }
            ),
        ]
    }

    /// The times of the rows of each feed, by its name.
    private static func rows(of bench: ArchiveBench) -> [String: [Int64]] {
        var rows: [String: [Int64]] = [:]
        for number in 0..<bench.set.feeds {
            var feed = bench.set.feed(number)
            var times: [Int64] = []
            for _ in 0..<bench.hours { times += feed.next(seconds: 3600).times }
            rows["\(feed.instance).\(feed.feed.name)"] = times
        }
        return rows
    }

    /// Asked of the reader's own service.
    private static func inProcess(
        _ source: Source,
        _ bench: ArchiveBench,
        _ rows: [String: [Int64]]
    ) async throws -> [BenchReport] {
        let service = QueryService(
            directory: source.directory.path,
            holder: "cerro bench",
            cache: 512 << 20,
            time: SystemTimeSource()
        )
        try await service.refresh()
        return try await measure(bench, source, "in process", rows) { round in
            let answer = try await service.data(query(round))
            return answer.timelines.map { ($0.name, $0.timestamps.count, $0.fields.count) }
        }
    }

    private static func query(_ round: (names: [String], range: Range<Timestamp>)) -> DataQuery {
        DataQuery(fields: round.names.map { FieldPattern($0) }, range: round.range)
    }

    /// Asked of a reader in a process of its own, as clients do it.
    private static func overZeroMQ(
        _ source: Source,
        _ bench: ArchiveBench,
        _ rows: [String: [Int64]]
    ) async throws -> [BenchReport] {
        let entry = """
            {class: Reader, id: reader, start: [serve], arguments: {archive: \
            {directory: "\(source.directory.path)"}, reader: {listen: "127.0.0.1:0"}}}
            """
        let agents = [(id: "reader", entry: entry)]
        return try await BenchSite.with(.init(agents: agents, parent: bench.folder)) { site in
            try await site.waitUntilServing()
            let reader = ReaderQuery(site.client, reader: "reader")
            return try await measure(bench, source, "over ZeroMQ", isRemote: true, rows) { round in
                let answer = try await reader.data(round.names, round.range, [:])
                return answer.timelines.map { ($0.name, $0.times.count, $0.columns.count) }
            }
        }
    }

    /// Asks for samples that nobody has asked for, and then again for the same ones.
    private static func measure(
        _ bench: ArchiveBench,
        _ source: Source,
        _ way: String,
        isRemote: Bool = false,
        _ rows: [String: [Int64]],
        _ ask: ((names: [String], range: Range<Timestamp>)) async throws -> [(String, Int, Int)]
    ) async throws -> [BenchReport] {
        var reports: [BenchReport] = []
        for question in questions(bench) {
            // One instant of each hour opens all files.
            for hour in 0..<bench.hours {
                let instant = bench.set.start + .seconds(3600 * hour + 1800)
                _ = try await ask((question.rounds[0].names, instant..<(instant + .seconds(2))))
            }
            var passes: [[Sample]] = [[], []]
            for pass in [0] + Array(repeating: 1, count: bench.runs) {
                passes[pass] += try await samples(question, rows, ask)
            }
            let floors = try await floors(question, passes[0], isRemote: isRemote)
            reports += zip(passes, ["first asked", "asked again"]).map { samples, kind in
                report("\(question.name), \(source.name), \(way), \(kind)", samples, floors)
            }
        }
        return reports
    }

    /// Asks all rounds of a question, each once; `ask` tells the name, rows and fields of the
    /// timelines of its answer.
    private static func samples(
        _ question: Question,
        _ rows: [String: [Int64]],
        _ ask: ((names: [String], range: Range<Timestamp>)) async throws -> [(String, Int, Int)]
    ) async throws -> [Sample] {
        let clock = ContinuousClock()
        var samples: [Sample] = []
        for round in question.rounds {
            try Task.checkCancellation()
            let start = clock.now
            let timelines = try await ask(round)
            let seconds = (clock.now - start).inSeconds
            let bounds = round.range.lowerBound.nanoseconds..<round.range.upperBound.nanoseconds
            let expected = Dictionary(grouping: round.names) {
                $0.split(separator: ".").prefix(2).joined(separator: ".")
            }.reduce(0) { sum, group in
                sum + group.value.count * (rows[group.key] ?? []).count(where: bounds.contains)
            }
            samples.append(
                Sample(
                    milliseconds: seconds * 1e3,
                    values: timelines.reduce(0) { $0 + $1.1 * $1.2 },
                    expected: expected
                )
            )
        }
        return samples
    }

    /// What it takes to have the bytes of an answer in one more place, and on one more host.
    private static func floors(
        _ question: Question,
        _ samples: [Sample],
        isRemote: Bool
    ) async throws -> [BenchReport.Floor] {
        let values = samples.map(\.values).max() ?? 0
        let fields = question.rounds.first?.names.count ?? 1
        // Eight fields share their times, or one has them alone.
        let bytes = Double(8 * values) * (1 + 1 / Double(min(fields, 8)))
        var floors = [
            BenchReport.Floor(
                name: "copying the answer in memory",
                median: bytes / MemoryFloor.copiedBytesPerSecond() * 1e3
            )
        ]
        if isRemote {
            let trips = try await EchoFloor.roundTrips(20, byteCount: Int(bytes))
            floors.append(
                BenchReport.Floor(
                    name: "libzmq, a message of as many bytes over one hop",
                    median: BenchReport.quantile(0.5, of: trips) / 2 * 1e-3
                )
            )
        }
        return floors
    }

    private static func report(
        _ name: String,
        _ samples: [Sample],
        _ floors: [BenchReport.Floor]
    ) -> BenchReport {
        let times = samples.map(\.milliseconds)
        return BenchReport(
            name: "read \(name)",
            samples: times,
            unit: "ms",
            isRate: false,
            lost: samples.reduce(0) { $0 + max(0, $1.expected - $1.values) },
            doubled: samples.reduce(0) { $0 + max(0, $1.values - $1.expected) },
            floors: floors,
            details: [
                "values": Double(samples.map(\.values).max() ?? 0),
                "fastest": times.min() ?? .nan,
                "p99": BenchReport.quantile(0.99, of: times),
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

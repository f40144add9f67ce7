internal import Archive
internal import Foundation
internal import Reader
internal import Telemetry

/// How long a plot of one field takes in process: 1,000 buckets with least, most and mean of a day,
/// of the open hour, and of a year at a row a second.
///
/// The first round finds nothing in the reader's memory, the others what the one before has left.
/// The counts of all buckets have to be the rows that were written.
enum PlotMeasure: ArchiveMeasure {
    static let name = "plot"

    private static let buckets = 1000, hoursOfYear = 8760

    static func run(_ bench: ArchiveBench) async throws -> [BenchReport] {
        let set = bench.set
        let journal = bench.folder + "/open-hour"
        _ = try SampleArchive.writeJournal(
            of: set,
            hours: 1,
            rowsOfMessage: 60,
            in: journal
        )
        var single = set
        single.feeds = 1
        let year = bench.folder + "/year"
        let written = try await SampleArchive.writeSealed(
            of: single,
            hours: hoursOfYear,
            parts: ProcessInfo.processInfo.activeProcessorCount,
            in: year
        )
        let day = try await bench.sealed().path
        return [
            try await plot("\(bench.hours) h", bench, day, hours: bench.hours, rows: nil),
            try await plot("open hour", bench, journal, hours: 1, rows: nil),
            try await plot("year", bench, year, hours: hoursOfYear, rows: written.rows),
        ]
    }

    private static func plot(
        _ what: String,
        _ bench: ArchiveBench,
        _ folder: String,
        hours: Int,
        rows: Int?
    ) async throws -> BenchReport {
        let service = try await service(of: folder)
        let feed = bench.set.feed(0)
        let field = "\(feed.instance).\(feed.feed.name).\(feed.feed.fields[0].name)"
        // Not from the first instant on, so that the ends are cut.
        let start = bench.set.start - .seconds(1)
        let query = DataQuery(
            fields: [FieldPattern(field)],
            range: start..<(bench.set.start + .seconds(3600 * hours + 1)),
            reduction: .buckets(buckets)
        )
        let clock = ContinuousClock()
        var times: [Double] = []
        var processor: [Double] = []
        var counted = 0
        var found = 0
        var tier = Tier.raw
        for _ in 0...max(20, bench.runs) {
            try Task.checkCancellation()
            let (begin, used) = (clock.now, ProcessUsage.processorSeconds)
            let answer = try await service.data(query)
            times.append((clock.now - begin).inSeconds * 1e3)
            processor.append((ProcessUsage.processorSeconds - used) * 1e3)
            guard case .buckets(let columns) = answer.timelines.first?.fields.first?.content else {
                throw CommandFailure(.failed, "the plot of the benchmark has no buckets")
            }
            counted = Int(columns.count.reduce(0, +))
            found = columns.count.count
            tier = answer.tier
        }
        let bytes = Double(found) * 7 * 8
        let expected = rows ?? self.rows(of: bench, hours)
        return BenchReport(
            name: "plot \(what), \(buckets) points asked, tier \(tier.rawValue), in process",
            samples: Array(times.dropFirst()),
            unit: "ms",
            isRate: false,
            lost: max(0, expected - counted),
            doubled: max(0, counted - expected),
            floors: [
                BenchReport.Floor(
                    name: "copying the answer in memory",
                    median: bytes / MemoryFloor.copiedBytesPerSecond() * 1e3
                )
            ],
            details: [
                "buckets": Double(found), "samples": Double(counted), "first_ms": times[0],
                "processor_ms": BenchReport.quantile(0.5, of: Array(processor.dropFirst())),
                "fastest": times.min() ?? .nan, "p99": BenchReport.quantile(0.99, of: times),
            ]
        )
    }

    private static func service(of folder: String) async throws -> QueryService {
        let service = QueryService(
            directory: folder,
            holder: "cerro bench",
            cache: 512 << 20,
            time: SystemTimeSource()
        )
        try await service.refresh()
        return service
    }

    /// The rows of the first feed in so many hours.
    private static func rows(of bench: ArchiveBench, _ hours: Int) -> Int {
        var feed = bench.set.feed(0)
        return (0..<hours).reduce(0) { sum, _ in sum + feed.next(seconds: 3600).times.count }
    }
}

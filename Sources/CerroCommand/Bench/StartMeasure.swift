internal import Archive
internal import Foundation
internal import Reader
internal import Telemetry

/// How long a reader takes from nothing to its first answer, with an index that is whole; and what
/// it takes to fill the index.
///
/// The set and its hours are as the command line gives them: `--feeds 125 --rate 0.01 --hours 8760`
/// is a year of 1,000 fields. The files are in the page cache.
enum StartMeasure: ArchiveMeasure {
    static let name = "start"

    private static let cache = 64 << 20

    static func run(_ bench: ArchiveBench) async throws -> [BenchReport] {
        let directory = try await bench.sealed()
        let clock = ContinuousClock()
        let filling = clock.now
        try await answered(bench, directory)
        let seconds = (clock.now - filling).inSeconds
        let index = try ArchiveBench.byteCount(of: [directory.path + "/index.sqlite"])
        var times: [Double] = []
        let before = ProcessUsage(of: getpid())?.residentBytes ?? 0
        ProcessUsage.forgetPeak()
        for _ in 0..<max(5, bench.runs) {
            try Task.checkCancellation()
            let begin = clock.now
            try await answered(bench, directory)
            times.append((clock.now - begin).inSeconds)
        }
        let peak = ProcessUsage(of: getpid())?.peakBytes ?? 0
        let fields = bench.set.feeds * bench.set.kinds.count
        return [
            BenchReport(
                name: "cold start, \(bench.hours) h of \(fields) fields, until the first plot",
                samples: times,
                unit: "s",
                isRate: false,
                floors: [
                    BenchReport.Floor(
                        name: "checking the index in memory",
                        median: Double(index) / MemoryFloor.checkedBytesPerSecond()
                    )
                ],
                details: [
                    "index_bytes": Double(index), "index_filled_s": seconds,
                    "peak_bytes_more": Double(max(0, peak - before)),
                    "cache_bytes": Double(cache),
                ]
            )
        ]
    }

    /// Opens the archive and asks for a plot of one field over all of it.
    private static func answered(
        _ bench: ArchiveBench,
        _ directory: ArchiveDirectory
    ) async throws {
        let service = QueryService(
            directory: directory.path,
            holder: "cerro bench",
            cache: cache,
            time: SystemTimeSource()
        )
        defer { service.close() }
        try await service.refresh()
        let feed = bench.set.feed(0)
        let field = "\(feed.instance).\(feed.feed.name).\(feed.feed.fields[0].name)"
        let range = bench.set.start..<(bench.set.start + .seconds(3600 * bench.hours))
        let query = DataQuery(
            fields: [FieldPattern(field)],
            range: range,
            reduction: .buckets(1000)
        )
        guard try await service.data(query).timelines.count == 1 else {
            throw CommandFailure(.failed, "the plot of the benchmark has no buckets")
        }
    }
}

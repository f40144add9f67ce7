import Archive
import CerroTesting
import PromQL
import Synchronization
import Telemetry
import Testing

@testable import Reader

/// An archive, asked as PromQL asks; or its samples alone, without its roll-ups.
private final class CountedSource: SampleSource {
    private let base: ArchiveSource
    private let hasRollups: Bool
    private let rows = Mutex(0)

    init(_ base: ArchiveSource, hasRollups: Bool) {
        (self.base, self.hasRollups) = (base, hasRollups)
    }

    /// How many rows were read as samples.
    var rowCount: Int { rows.withLock { $0 } }

    func refresh() throws(QueryError) { try base.refresh() }

    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] {
        try base.fields(in: range)
    }

    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice {
        let slice = try base.slice(of: fields, in: range, limit: limit)
        rows.withLock { $0 += slice.timestamps.count }
        return slice
    }

    func buckets(
        of fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets? {
        guard hasRollups else { return try reduced(fields, on: grid, limit: limit, deadline) }
        return try base.buckets(of: fields, on: grid, limit: limit, deadline)
    }

    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? { nil }

    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts] { [] }

    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] { [] }
}

@Suite("PromQL is answered from roll-ups, as if from the samples")
struct PrometheusTiersTests {
    private static let feed = Feed(
        "temps",
        fields: [Field("stage", unit: .kelvin), Field("n", .int), Field("ok", .bool)],
        period: .seconds(1)
    )

    /// Two hours of a row a second, with a hole, invalid and missing values.
    private static func archive(_ random: inout SeededGenerator) throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        for part in 0..<12 where part != 5 {
            let seconds = part * 600..<part * 600 + 600
            let dice = seconds.map { _ in Int.random(in: 0..<200, using: &random) }
            try archive.commit(
                "cryo",
                feed,
                Block(
                    timestamps: seconds.map { at(Double($0)) },
                    columns: [
                        .doubles(
                            dice.map { $0 == 0 ? nil : $0 == 1 ? .nan : Double($0) / 8 }
                        ),
                        .ints(dice.map { $0 == 2 ? nil : Int64($0) }),
                        .bools(dice.map { $0 > 100 }),
                    ]
                )
            )
        }
        try archive.sealAll()
        return archive
    }

    private static func series(_ source: CountedSource, rowsPerLook: Int) -> ArchiveSeries {
        ArchiveSeries(
            engine: QueryEngine(archive: source, pieceValues: rowsPerLook * 10),
            labels: SeriesLabels(site: "hill", homes: [:]),
            deadline: noDeadline,
            rowsPerLook: rowsPerLook
        )
    }

    private static func vector(
        _ text: String,
        _ steps: Steps,
        _ source: ArchiveSeries
    ) throws -> [Series] {
        guard case .vector(let found) = try PromQLQuery(text).answer(at: steps, from: source)
        else { return [] }
        return found.sorted { ($0.labels["field"] ?? "") < ($1.labels["field"] ?? "") }
    }

    // Goal: where numbers come from cannot be seen in them.
    // Method: the same questions to the roll-ups and to the samples alone, both random.
    @Test("answers are those of the samples, wherever they are read from", arguments: 1...6)
    func same(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let archive = try Self.archive(&random)
        let base = ArchiveSource(directory: archive.path, holder: "test", cache: 1 << 22)
        try base.refresh()
        let tiers = Self.series(CountedSource(base, hasRollups: true), rowsPerLook: 1)
        let plain = Self.series(CountedSource(base, hasRollups: false), rowsPerLook: 1 << 40)
        for _ in 0..<8 {
            let unit = Bool.random(using: &random) ? 60 : 1
            let step = Int.random(in: 1...600 / unit, using: &random) * unit
            let window = Int.random(in: 1...3600 / unit, using: &random) * unit
            let from = Int.random(in: -600 / unit...7200 / unit, using: &random) * unit
            let steps = try Steps(
                from: at(Double(from)),
                to: at(Double(from + Int.random(in: 0...7200, using: &random))),
                step: .seconds(step)
            )
            let metric =
                ["temps_stage", "temps_n", "temps_ok", "{agent='cryo'}"]
                .randomElement(using: &random) ?? ""
            for function in ["count", "sum", "min", "max", "avg", "last"] {
                let text = "\(function)_over_time(\(metric)[\(window)s])"
                guard metric.hasPrefix("t") || function == "last" else { continue }
                try compare(text, steps, tiers, plain, seed)
            }
            try compare(metric, steps, tiers, plain, seed)
        }
    }

    private func compare(
        _ text: String,
        _ steps: Steps,
        _ tiers: ArchiveSeries,
        _ plain: ArchiveSeries,
        _ seed: UInt64
    ) throws {
        let found = try Self.vector(text, steps, tiers)
        let expected = try Self.vector(text, steps, plain)
        let hint: Comment = "seed \(seed): \(text) \(steps.start) \(steps.step) \(steps.count)"
        #expect(found.map(\.labels) == expected.map(\.labels), hint)
        for (found, expected) in zip(found, expected) {
            let isSame = zip(found.values, expected.values).allSatisfy { left, right in
                guard let left, let right else { return left == nil && right == nil }
                return left == right || (left.isNaN && right.isNaN)
                    || abs(left - right) <= abs(right) * 1e-12
            }
            #expect(isSame, hint)
        }
    }

    @Test("long windows read no samples, and the newest before rare steps few")
    func work() throws {
        var random = SeededGenerator(seed: 1)
        let archive = try Self.archive(&random)
        let base = ArchiveSource(directory: archive.path, holder: "test", cache: 1 << 22)
        try base.refresh()
        let source = CountedSource(base, hasRollups: true)
        let series = Self.series(source, rowsPerLook: 100)
        let steps = try Steps(from: at(0), to: at(7200), step: .seconds(600))
        let longest = try Self.vector("max_over_time(temps_stage[10m])", steps, series)
        #expect(longest[0].values.count { $0 != nil } == 11)
        #expect(source.rowCount == 0)
        let last = try Self.vector("last_over_time(temps_n[10m])", steps, series)
        #expect(last[0].values.count { $0 != nil } == 13)
        #expect((1...200).contains(source.rowCount), "\(source.rowCount)")
    }
}

import CerroTesting
import Telemetry
import Testing

@testable import Reader

/// What one bucket of doubles has to say, worked out the slow way.
private struct NaiveBucket: Equatable {
    var start: Timestamp, end: Timestamp
    var count: Int64, min: Double, max: Double, mean: Double, first: Double, last: Double
}

@Suite("Buckets tell the truth about their samples")
struct BucketTests {
    // Goal: buckets agree with a slow reference whatever the samples, the grid and the pieces in
    // which they were read.
    // Method: seeded rows with equal times, NaN, infinities and holes; the seed is in the failure.
    @Test("buckets agree with a naive reference, however the rows are read", arguments: 1...60)
    func agrees(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...200, using: &random)
        var time = Double.random(in: 0...20, using: &random)
        var timestamps: [Timestamp] = []
        var values: [Double?] = []
        for _ in 0..<count {
            if Int.random(in: 0..<4, using: &random) > 0 {
                time += Double.random(in: 0...3, using: &random)
            }
            timestamps.append(at(time))
            switch Int.random(in: 0..<12, using: &random) {
            case 0: values.append(nil)
            case 1: values.append(.nan)
            case 2: values.append(.infinity)
            default: values.append(Double(Int.random(in: -50...50, using: &random)))
            }
        }
        let source = MemorySource([
            "a.b": .init(
                feed: Feed("b", fields: [Field("x")]),
                timestamps: timestamps,
                columns: [.doubles(values)]
            )
        ])
        let start = Double.random(in: 0...40, using: &random)
        let range = at(start)..<at(start + Double.random(in: 0.001...300, using: &random))
        let points = Int.random(in: 1...40, using: &random)
        var engine = QueryEngine(archive: source)
        engine.pieceValues = Int.random(in: 1...30, using: &random)
        let answer = try engine.data(
            DataQuery(fields: [FieldPattern("a.b.x")], range: range, reduction: .buckets(points)),
            noDeadline
        )
        let grid = BucketGrid(range, count: points)
        let expected = Self.naive(timestamps, values, range, grid)
        #expect(expected.count <= points, "seed \(seed)")
        guard let timeline = answer.timelines.first else {
            #expect(expected.isEmpty, "seed \(seed)")
            return
        }
        #expect(timeline.timestamps == expected.map(\.start), "seed \(seed)")
        #expect(timeline.ends == expected.map(\.end), "seed \(seed)")
        guard case .buckets(let buckets) = timeline.fields[0].content else {
            Issue.record("no buckets")
            return
        }
        #expect(buckets.count == expected.map(\.count), "seed \(seed)")
        #expect(same(buckets.min, expected.map(\.min)), "seed \(seed)")
        #expect(same(buckets.max, expected.map(\.max)), "seed \(seed)")
        #expect(same(buckets.mean, expected.map(\.mean)), "seed \(seed)")
        #expect(same(buckets.first, expected.map(\.first)), "seed \(seed)")
        #expect(same(buckets.last, expected.map(\.last)), "seed \(seed)")
    }

    private static func naive(
        _ timestamps: [Timestamp],
        _ values: [Double?],
        _ range: Range<Timestamp>,
        _ grid: BucketGrid
    ) -> [NaiveBucket] {
        var groups: [(Range<Timestamp>, [Double])] = []
        for (timestamp, value) in zip(timestamps, values) {
            guard range.contains(timestamp), let value else { continue }
            let bucket = grid.bucket(at: timestamp)
            if groups.last?.0 == bucket {
                groups[groups.count - 1].1.append(value)
            } else {
                groups.append((bucket, [value]))
            }
        }
        return groups.map { bucket, values in
            let numbers = values.filter { !$0.isNaN }
            return NaiveBucket(
                start: bucket.lowerBound,
                end: bucket.upperBound,
                count: Int64(values.count),
                min: numbers.min() ?? .nan,
                max: numbers.max() ?? .nan,
                mean: numbers.isEmpty ? .nan : numbers.reduce(0, +) / Double(numbers.count),
                first: values[0],
                last: values[values.count - 1]
            )
        }
    }

    /// Whether the column has these values, NaN being the same as NaN.
    private func same(_ column: Column, _ expected: [Double]) -> Bool {
        guard case .doubles(let values) = column.values, values.count == expected.count,
            column.presence == nil
        else { return false }
        return zip(values, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
    }

    @Test("the grid covers the range without holes, in at most so many buckets", arguments: 1...100)
    func grid(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let start = Int64.random(in: 0...7_000_000_000_000_000_000, using: &random)
        let most = Timestamp.publishable.upperBound.nanoseconds - start
        let length = Int64.random(in: 1...[1, 10, 1000, most][Int(seed % 4)], using: &random)
        let range = Timestamp(nanoseconds: start)..<Timestamp(nanoseconds: start + length)
        let count = Int.random(in: 1...1000, using: &random)
        let grid = BucketGrid(range, count: count)
        var buckets = 0
        var next = range.lowerBound
        while next < range.upperBound {
            let bucket = grid.bucket(at: next)
            #expect(bucket.lowerBound == next)
            next = bucket.upperBound
            buckets += 1
            guard buckets <= count else { break }
        }
        #expect(next == range.upperBound && buckets <= count, "seed \(seed)")
    }

    @Test("a window that moves along keeps its inner buckets")
    func moves() {
        let here = BucketGrid(at(0)..<at(3600), count: 100)
        let later = BucketGrid(at(7)..<at(3607), count: 100)
        #expect(here.bucket(at: at(1000)) == later.bucket(at: at(1000)))
    }

    @Test("a spike of one sample in a year survives")
    func spike() throws {
        let count = 365 * 24
        var values = (0..<count).map { _ in 4.2 }
        values[5000] = 300
        let source = MemorySource([
            "a.b": .init(
                feed: Feed("b", fields: [Field("x")]),
                timestamps: (0..<count).map { at(Double($0) * 3600) },
                columns: [.doubles(values)]
            )
        ])
        let query = DataQuery(
            fields: [FieldPattern("a.b.x")],
            range: at(0)..<at(Double(count) * 3600),
            reduction: .buckets(500)
        )
        let answer = try QueryEngine(archive: source).data(query, noDeadline)
        guard case .buckets(let buckets) = answer.timelines.first?.fields.first?.content,
            case .doubles(let largest) = buckets.max.values
        else {
            Issue.record("no buckets of doubles")
            return
        }
        #expect(largest.count <= 500)
        #expect(largest.filter { $0 == 300 }.count == 1)
        #expect(buckets.count.reduce(0, +) == Int64(count))
    }

    @Test("integers stay integers, truth values and texts say what they can")
    func types() throws {
        let source = MemorySource([
            "a.b": .init(
                feed: Feed(
                    "b",
                    fields: [Field("n", .int), Field("ok", .bool), Field("s", .string)]
                ),
                timestamps: [at(0), at(1), at(2), at(3)],
                columns: [
                    .ints([.max, 3, .max - 1, 5]), .bools([true, true, false, true]),
                    .strings(["warm", "cold", nil, "off"]),
                ]
            )
        ])
        let query = DataQuery(
            fields: [FieldPattern("a.b.*")],
            range: at(0)..<at(4),
            reduction: .buckets(1)
        )
        let fields = try QueryEngine(archive: source).data(query, noDeadline).timelines[0].fields
        let found = fields.compactMap { field -> BucketColumns? in
            if case .buckets(let buckets) = field.content { buckets } else { nil }
        }
        #expect(found.map(\.min) == [.ints([3]), .bools([false]), .strings([nil])])
        #expect(found.map(\.max) == [.ints([.max]), .bools([true]), .strings([nil])])
        #expect(found[1].mean == .doubles([0.75]))
        #expect(found[2].mean == .doubles([nil]))
        #expect(found[2].first == .strings(["warm"]) && found[2].last == .strings(["off"]))
        #expect(found.map(\.count) == [[4], [4], [3]])
    }

    @Test("picked samples do not depend on the pieces in which they were read", arguments: 1...40)
    func stride(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var time = 0.0
        var timestamps: [Timestamp] = []
        for _ in 0..<150 {
            time += [0, 0.5, 1, 7][Int.random(in: 0..<4, using: &random)]
            timestamps.append(at(time))
        }
        let source = MemorySource([
            "a.b": .init(
                feed: Feed("b", fields: [Field("n", .int)]),
                timestamps: timestamps,
                columns: [.ints((0..<150).map(Int64.init))]
            )
        ])
        var engine = QueryEngine(archive: source)
        engine.pieceValues = Int.random(in: 1...20, using: &random)
        let query = DataQuery(
            fields: [FieldPattern("a.b.n")],
            range: at(0)..<at(2000),
            reduction: .stride(.seconds(2))
        )
        let timeline = try engine.data(query, noDeadline).timelines[0]
        var expected: [Int64] = []
        var last: Timestamp?
        for (index, timestamp) in timestamps.enumerated()
        where last.map({ timestamp - $0 >= .seconds(2) }) ?? true {
            expected.append(Int64(index))
            last = timestamp
        }
        guard case .samples(let column) = timeline.fields[0].content else { return }
        #expect(column == .ints(expected), "seed \(seed)")
    }
}

import ArchiveFormat
import CerroTesting
import Telemetry
import Testing

@testable import Archive

/// A random archive of one feed: several sealed files and an open segment, with gaps, late rows,
/// invalid and missing values, and declarations that change.
private struct BucketArchive {
    static let names = ["x", "n", "on", "note", "absent"]
    let rig: Rig
    let store: ArchiveStore
    private(set) var first = start, last = start

    init(_ random: inout SeededGenerator) throws {
        rig = try Rig()
        var log = AgentLog("alpha", epoch: 1)
        var fields: [Field] = []
        var revision: Int64 = 0
        var now = start
        for segment in 0..<Int.random(in: 1...5, using: &random) {
            if segment > 0 {
                now = max(now, rig.time.now + .seconds(3600))
                rig.time.now = now
                try rig.journal.rotateIfDue(at: now)
            }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                if fields.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
                    fields = Self.fields(&random)
                    revision += 1
                    log.declare(Feed("f", fields: fields), revision: revision, at: now)
                }
                let step = [1.0, 0.9, 4, 30, 700][Int.random(in: 0..<5, using: &random)]
                let count = Int.random(in: 1...1500, using: &random)
                // Now and then an older stretch comes again late, or the clock jumps.
                let late = Double([0, 0, 0, 100, 4000][Int.random(in: 0..<5, using: &random)])
                let begin = now - .nanoseconds(Int64(late * 1e9))
                var times = (0..<count).map { row in
                    begin + .nanoseconds(Int64(Double(row) * step * 1e9))
                }
                if Int.random(in: 0..<3, using: &random) == 0 { times.shuffle(using: &random) }
                first = min(first, times.min() ?? first)
                last = max(last, times.max() ?? last)
                for block in stride(from: 0, to: count, by: 400) {
                    let part = Array(times[block..<min(block + 400, count)])
                    let columns = fields.map { Self.column($0, part.count, &random) }
                    log.publish(
                        [Block(timestamps: part, columns: columns)],
                        revision: revision,
                        at: now
                    )
                }
                now = now + .seconds(Int.random(in: 0...2400, using: &random))
            }
            try log.send(to: rig.journal, received: rig.time.now)
            try rig.journal.commit()
        }
        if Bool.random(using: &random) {
            rig.time.now = rig.time.now + .seconds(3600)
            try rig.journal.rotateIfDue(at: rig.time.now)
        }
        try rig.seal()
        store = try rig.store()
    }

    private static func fields(_ random: inout SeededGenerator) -> [Field] {
        [
            Field(
                "x",
                [.double, .double, .int][Int.random(in: 0..<3, using: &random)],
                unit: [.kelvin, .kelvin, .kelvin, .second][Int.random(in: 0..<4, using: &random)]
            ),
            Field("n", .int), Field("on", .bool), Field("note", .string),
        ]
    }

    private static func column(
        _ field: Field,
        _ count: Int,
        _ random: inout SeededGenerator
    ) -> Column {
        func values<Element>(_ make: () -> Element) -> [Element?] {
            (0..<count).map { _ in Int.random(in: 0..<30, using: &random) == 0 ? nil : make() }
        }
        let isHuge = Int.random(in: 0..<6, using: &random) == 0
        switch field.type {
        case .double:
            let odd: [Double] = [.nan, .infinity, -.infinity, -0.0]
            return .doubles(
                values {
                    let dice = Int.random(in: 0..<400, using: &random)
                    return dice < 4
                        ? odd[dice] : Double(Int.random(in: -999...999, using: &random)) / 8
                }
            )
        case .int:
            let bound = isHuge ? Int64.max : 1000
            return .ints(values { Int64.random(in: -bound...bound, using: &random) })
        case .bool: return .bools(values { Int.random(in: 0..<9, using: &random) == 0 })
        case .string: return .strings(values { "v\(Int.random(in: 0..<99, using: &random))" })
        }
    }
}

/// One bucket of one field, worked out the slow way from the samples.
private struct NaiveBucket {
    var count = 0, nans = 0
    var least: Value?, most: Value?, first: Value?, last: Value?
    var mean: Double?

    init(_ column: Column, _ rows: Range<Int>) {
        let values = rows.filter(column.isPresent).map { column.value(at: $0) }
        count = values.count
        (first, last) = (values.first, values.last)
        let numbers = values.filter { !$0.isNaN }
        nans = values.count - numbers.count
        if column.type == .string || values.isEmpty { return }
        least = numbers.min { $0.isBelow($1) } ?? values.first
        most = numbers.max { $0.isBelow($1) } ?? values.first
        mean = numbers.isEmpty ? .nan : numbers.map(\.number).reduce(0, +) / Double(numbers.count)
    }
}

extension Value {
    fileprivate var number: Double {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        case .bool(let value): value ? 1 : 0
        default: .nan
        }
    }
    fileprivate var isNaN: Bool { if case .double(let value) = self { value.isNaN } else { false } }
    fileprivate func isBelow(_ other: Value) -> Bool {
        if case .int(let mine) = self, case .int(let theirs) = other { return mine < theirs }
        return number < other.number
    }
    /// Whether both are the same, NaN like NaN and 0 like −0.
    fileprivate func isSame(as other: Value?) -> Bool {
        guard case .double(let mine) = self, case .double(let theirs)? = other else {
            return self == other
        }
        return mine == theirs || (mine.isNaN && theirs.isNaN)
    }
}

extension Column {
    fileprivate func value(at row: Int) -> Value {
        switch values {
        case .doubles(let values): .double(values[row])
        case .ints(let values): .int(values[row])
        case .bools(let values): .bool(values[row])
        case .strings(let values): .string(values[row])
        }
    }

    fileprivate func optional(_ row: Int) -> Value? { isPresent(row) ? value(at: row) : nil }
}

private func isSame(_ left: Value?, _ right: Value?) -> Bool {
    left.map { $0.isSame(as: right) } ?? (right == nil)
}

@Suite("buckets are those of the samples, whatever they are read from")
struct BucketPropertyTests {
    // Goal: every tier is exact, and so is every mixture of them.
    // Method: seeded archives, read as samples and as buckets; each bucket is worked out again from
    // the samples between its own edges. The seed and the question are in the failure.
    @Test("buckets agree with the samples between their edges", arguments: 1...15)
    func agree(seed: UInt64) throws {
        _ = try tiers(seed)
    }

    @Test("the questions meet every tier")
    func meet() throws {
        let met = try (1...UInt64(4)).reduce(into: [Tier: Int]()) { met, seed in
            for tier in try tiers(seed) { met[tier, default: 0] += 1 }
        }
        #expect(Set(met.keys) == Set(Tier.allCases), "\(met)")
    }

    /// Asks the archive of a seed some questions; returns the tiers of the answers.
    private func tiers(_ seed: UInt64) throws -> [Tier] {
        var tiers: [Tier] = []
        var random = SeededGenerator(seed: seed)
        let archive = try BucketArchive(&random)
        let length = (archive.last - archive.first).nanoseconds + 2
        for question in 0..<12 {
            let from =
                archive.first.nanoseconds + Int64.random(in: -length / 4...length, using: &random)
            let count = Int64.random(
                in: 1...(question % 3 == 0 ? length / 40 + 1 : length * 3 / 2),
                using: &random
            )
            let range = Timestamp(nanoseconds: from)..<Timestamp(nanoseconds: from + count)
            let points = [1, 2, 7, 60, 1000][Int.random(in: 0..<5, using: &random)]
            let hint: Comment = "seed \(seed), question \(question)"
            let grid = BucketGrid(range, count: points)
            if let tier = try check(archive, grid, points, hint) { tiers.append(tier) }
            // Given edges cut the same range anywhere, at full minutes among others.
            let minute: Int64 = 60_000_000_000
            let edges = (0..<points).map { _ in
                let edge = Int64.random(in: from...from + count, using: &random)
                return min(max(edge / minute * minute, from), from + count)
            }
            let all = ([from, from + count] + edges + edges.prefix(3).map { max($0 - 1, from) })
                .sorted().map(Timestamp.init(nanoseconds:))
            let given = BucketGrid(edges: all)
            if let tier = try check(archive, given, all.count, hint) { tiers.append(tier) }
        }
        return tiers
    }

    /// Compares the buckets with the samples; returns the tier of those that have samples.
    private func check(
        _ archive: BucketArchive,
        _ grid: BucketGrid,
        _ points: Int,
        _ hint: Comment
    ) throws -> Tier? {
        let found = try archive.store.buckets(
            instance: "alpha",
            feed: "f",
            fields: BucketArchive.names,
            grid: grid
        )
        let range = grid.range
        let buckets = try #require(found, hint)
        let samples = try archive.store.timeline(
            instance: "alpha",
            feed: "f",
            fields: BucketArchive.names,
            range: range
        )
        #expect(buckets.ranges.count <= points, hint)
        #expect(buckets.ranges.allSatisfy { !$0.isEmpty && range.clamped(to: $0) == $0 }, hint)
        let pairs = zip(buckets.ranges, buckets.ranges.dropFirst())
        #expect(pairs.allSatisfy { $0.upperBound <= $1.lowerBound }, hint)
        #expect(buckets.fields.map(\.?.type) == samples.fields.map(\.?.type), hint)
        #expect(buckets.fields.map(\.?.unit) == samples.fields.map(\.?.unit), hint)
        #expect(
            buckets.apart.reduce(0) { $0 + $1.count }
                == samples.apart.reduce(0) { $0 + $1.count },
            hint
        )
        let times = samples.timestamps.map(\.nanoseconds)
        for (columns, column) in zip(buckets.columns, samples.columns) {
            guard let columns else {
                #expect(column.presence?.contains(true) != true, hint)
                continue
            }
            let present = times.indices.count { column.isPresent($0) }
            #expect(columns.count.reduce(0, +) == Int64(present), hint)
            for index in buckets.ranges.indices {
                guard isRight(index, of: columns, buckets, column, times, hint) else { return nil }
            }
            #expect((columns.first == nil) == (buckets.tier != .raw), hint)
        }
        return buckets.ranges.isEmpty ? nil : buckets.tier
    }

    /// Whether a bucket of a field says what its samples do.
    private func isRight(
        _ index: Int,
        of columns: BucketColumns,
        _ buckets: TimelineBuckets,
        _ column: Column,
        _ times: [Int64],
        _ hint: Comment
    ) -> Bool {
        let range = buckets.ranges[index]
        let expected = NaiveBucket(column, rowsOf(range, in: times))
        let sum = columns.sum[index]
        let numbers = Double(expected.count - expected.nans)
        let mean = numbers > 0 && expected.mean != nil ? sum / numbers : expected.mean
        let isRight =
            isNear(mean, expected) && columns.count[index] == Int64(expected.count)
            && columns.nans[index] == Int64(expected.nans)
            && isSame(columns.min.optional(index), expected.least)
            && isSame(columns.max.optional(index), expected.most)
            && isNear(columns.mean.optional(index)?.number, expected)
            && isSame(
                columns.first?.optional(index),
                columns.first == nil ? nil : expected.first
            )
            && isSame(
                columns.last?.optional(index),
                columns.last == nil ? nil : expected.last
            )
        if !isRight {
            let found = [columns.min, columns.max, columns.mean].map { $0.optional(index) as Any }
            Issue.record(
                """
                \(hint): bucket \(index) \(range) of \(buckets.tier): \(expected), not \
                \(columns.count[index]) \(columns.nans[index]) \(found)
                """
            )
        }
        return isRight
    }

    private func isNear(_ mean: Double?, _ bucket: NaiveBucket) -> Bool {
        guard let mean, let expected = bucket.mean else { return mean == nil && bucket.mean == nil }
        guard expected.isFinite else {
            return mean == expected || (mean.isNaN && expected.isNaN)
        }
        let largest = max(abs(bucket.least?.number ?? 0), abs(bucket.most?.number ?? 0))
        return abs(mean - expected) <= largest * 1e-9
    }
}

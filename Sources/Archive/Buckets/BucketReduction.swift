internal import ArchiveFormat
internal import Telemetry

/// Gathers what files and journal say of some fields of a timeline into buckets.
///
/// Samples and statistics come in any order: nothing is sorted or merged, and memory is that of
/// the buckets.
struct BucketReduction {
    /// Which columns of a declaration are asked for: of each field its place in the declaration
    /// and among its ``FieldReduction/kinds``; nil where the declaration lacks it.
    struct Declared {
        let feed: Feed
        let columns: [(place: Int, kind: Int)?]
    }

    /// Some rows in order of time that fall into one bucket; `slot` is its place in the summaries.
    typealias Stretch = (slot: Int, rows: Range<Int>)

    var grid: BucketGrid
    let names: [String]
    private(set) var fields: [FieldReduction]
    /// The coarsest tier of what was added.
    private(set) var tier: Tier?
    /// The buckets with samples, in the order in which they came, and the place of each in it.
    private var buckets: [Int] = []
    private var slots: [Int32]

    init(_ grid: BucketGrid, fields names: [String]) {
        self.grid = grid
        self.names = names
        fields = names.map { _ in FieldReduction() }
        slots = Array(repeating: -1, count: grid.count)
    }

    /// How many buckets of fields there are.
    var count: Int { buckets.count * fields.count }

    /// Takes note of a declaration that samples will come with.
    mutating func declare(_ feed: Feed) -> Declared {
        Declared(
            feed: feed,
            columns: names.indices.map { index in
                feed.fields.firstIndex { $0.name == names[index] }.map { place in
                    (place, fields[index].kind(of: feed.fields[place]))
                }
            }
        )
    }

    /// Takes note that rows of a declaration are there, all of them from `first` to `last`, read
    /// from `tier`; `arrival` is greater for what arrived later.
    mutating func note(
        _ declared: Declared,
        _ tier: Tier,
        arrival: Int,
        from first: Int64,
        to last: Int64
    ) {
        self.tier = max(self.tier ?? tier, tier)
        for (index, column) in declared.columns.enumerated() {
            guard let (place, kind) = column else { continue }
            let field = declared.feed.fields[place]
            fields[index].note(kind, field, arrival: arrival, from: first, to: last)
        }
    }

    /// The place of a bucket in the summaries.
    mutating func slot(of bucket: Int) -> Int {
        if slots[bucket] >= 0 { return Int(slots[bucket]) }
        slots[bucket] = Int32(buckets.count)
        buckets.append(bucket)
        return buckets.count - 1
    }

    /// Cuts the rows whose times lie in the range to stretches, in order.
    mutating func stretches(_ times: [Int64], _ rows: Range<Int>) -> [Stretch] {
        var stretches: [Stretch] = []
        var row = rows.lowerBound
        while row < rows.upperBound {
            guard let bucket = grid.bucket(at: times[row]) else {
                row += 1
                continue
            }
            let first = row
            let end = grid.bounds(bucket).upperBound
            repeat {
                row += 1
            } while row < rows.upperBound && times[row] < end
                && times[row] >= times[row - 1]
            stretches.append((slot(of: bucket), first..<row))
        }
        return stretches
    }

    /// Adds statistics of the field `index`, all of whose samples lie in the bucket of `slot`.
    mutating func add(_ statistics: Statistics, _ index: Int, _ declared: Declared, slot: Int) {
        guard let kind = declared.columns[index]?.kind else { return }
        fields[index].add(statistics, kind, slot: slot)
    }

    /// Adds samples of the field `index`.
    mutating func add(
        _ column: Column,
        _ index: Int,
        _ declared: Declared,
        _ times: [Int64],
        _ stretches: [Stretch],
        arrival: Int
    ) {
        guard let kind = declared.columns[index]?.kind else { return }
        fields[index].add(column, kind, times, stretches, arrival: arrival)
    }

    /// The buckets in order of time, but for those in which no field has a sample.
    func gathered(revision: Int64) -> TimelineBuckets {
        let tier = tier ?? .raw
        let answers = fields.map { $0.answer(count: buckets.count) }
        let kept = buckets.indices.sorted { buckets[$0] < buckets[$1] }.filter { slot in
            answers.contains { $0.map { $0.summaries[slot].count > 0 } ?? false }
        }
        return TimelineBuckets(
            ranges: kept.map { grid[buckets[$0]] },
            fields: answers.map { $0?.field },
            columns: answers.map { $0?.columns(of: kept, hasEnds: tier == .raw) },
            tier: tier,
            revision: revision,
            apart: zip(fields, answers).flatMap { $0.apart(from: $1?.field) }
        )
    }
}

internal import Telemetry

/// Takes the rows of a timeline piece by piece, in order of time, and makes its answer of them.
protocol RowGatherer {
    /// Takes the rows that follow: N timestamps, and a column of N values for each field.
    mutating func add(_ timestamps: [Timestamp], _ columns: [Column])
    /// What the answer holds so far, in values; the allowance counts them.
    var valueCount: Int { get }
    /// The timestamps, for buckets their ends too, and the contents of the fields.
    func gathered() -> Rows
}

/// What a ``RowGatherer`` makes of its rows.
struct Rows {
    var timestamps: [Timestamp]
    var ends: [Timestamp]?
    var contents: [FieldAnswer.Content]
}

extension Reduction {
    /// What gathers the rows of fields of these types in a range that is not empty.
    func gatherer(_ types: [FieldType], in range: Range<Timestamp>) -> any RowGatherer {
        switch self {
        case .none: SampleGatherer(types, stride: nil)
        case .stride(let stride): SampleGatherer(types, stride: stride)
        case .buckets(let count): BucketGatherer(types, grid: BucketGrid(range, count: count))
        }
    }
}

/// Keeps samples: all of them, or such that are at least a stride apart.
struct SampleGatherer: RowGatherer {
    private let stride: Duration?
    private var timestamps: [Timestamp] = []
    private var columns: [Column]

    init(_ types: [FieldType], stride: Duration?) {
        self.stride = stride
        columns = types.map { Column(empty: $0) }
    }

    mutating func add(_ timestamps: [Timestamp], _ columns: [Column]) {
        guard stride != nil else { return append(timestamps, columns) }
        let rows = pick(timestamps)
        append(rows.map { timestamps[$0] }, columns.map { $0.picked(rows) })
    }

    private mutating func append(_ timestamps: [Timestamp], _ columns: [Column]) {
        // All of it in one piece, as mostly: nothing needs to be copied.
        if self.timestamps.isEmpty, zip(self.columns, columns).allSatisfy({ $0.type == $1.type }) {
            (self.timestamps, self.columns) = (timestamps, columns)
            return
        }
        self.timestamps += timestamps
        for index in self.columns.indices { self.columns[index].append(columns[index]) }
    }

    /// The first row and each next one that is a stride or more after the one kept before it.
    private func pick(_ timestamps: [Timestamp]) -> [Int] {
        guard let stride else { return Array(timestamps.indices) }
        var last = self.timestamps.last
        var rows: [Int] = []
        for (row, timestamp) in timestamps.enumerated()
        where last.map({ timestamp >= $0 + stride }) ?? true {
            rows.append(row)
            last = timestamp
        }
        return rows
    }

    var valueCount: Int { timestamps.count * max(1, columns.count) }

    func gathered() -> Rows {
        Rows(timestamps: timestamps, ends: nil, contents: columns.map { .samples($0) })
    }
}

/// Makes buckets of samples.
struct BucketGatherer: RowGatherer {
    private let grid: BucketGrid
    private var buckets: [Range<Timestamp>] = []
    private var fields: [BucketSummaries]

    init(_ types: [FieldType], grid: BucketGrid) {
        self.grid = grid
        fields = types.map(BucketSummaries.init)
    }

    mutating func add(_ timestamps: [Timestamp], _ columns: [Column]) {
        var runs: [(bucket: Int, rows: Range<Int>)] = []
        var row = 0
        while row < timestamps.count {
            if buckets.last.map({ timestamps[row] >= $0.upperBound }) ?? true {
                buckets.append(grid.bucket(at: timestamps[row]))
            }
            let end = buckets[buckets.count - 1].upperBound
            let first = row
            while row < timestamps.count, timestamps[row] < end { row += 1 }
            runs.append((buckets.count - 1, first..<row))
        }
        for index in fields.indices { fields[index].add(columns[index], runs) }
    }

    var valueCount: Int { buckets.count * 6 * fields.count }

    func gathered() -> Rows {
        // A bucket whose rows lack all of the fields asked for is no bucket of the answer.
        var kept = Array(repeating: false, count: buckets.count)
        for field in fields {
            for (index, count) in field.counts.enumerated() where count > 0 { kept[index] = true }
        }
        let ranges = zip(buckets, kept).filter(\.1).map(\.0)
        return Rows(
            timestamps: ranges.map(\.lowerBound),
            ends: ranges.map(\.upperBound),
            contents: fields.map { .buckets($0.columns(kept: kept)) }
        )
    }
}

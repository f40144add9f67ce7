internal import Telemetry

/// Takes the rows of a timeline piece by piece, in order of time, and keeps all of them, or such
/// that are at least a stride apart.
struct SampleGatherer {
    private let stride: Duration?
    /// N timestamps, and N values of each field.
    private(set) var timestamps: [Timestamp] = []
    private(set) var columns: [Column]

    init(_ types: [FieldType], stride: Duration?) {
        self.stride = stride
        columns = types.map { Column(empty: $0) }
    }

    /// Takes the rows that follow: N timestamps, and a column of N values for each field.
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

    /// What it holds so far, in values; the allowance counts them.
    var valueCount: Int { timestamps.count * max(1, columns.count) }
}

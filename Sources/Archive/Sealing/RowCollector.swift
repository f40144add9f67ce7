internal import ArchiveFormat
internal import Telemetry

/// The rows of one declaration of a feed as they arrive.
struct RowCollector: Sendable {
    /// One record: where its rows begin, and when it was received.
    struct Mark: BitwiseCopyable {
        let epoch: Int64, position: Int64, received: Int64, firstRow: Int
    }

    let instance: String
    let feed: Feed
    private var store: RowStore

    init(instance: String, feed: Feed) {
        self.instance = instance
        self.feed = feed
        store = RowStore(feed.fields.map(\.type))
    }

    /// How many rows there are.
    var count: Int { store.count }
    /// The least and the largest of their times; the largest and the least Int64 of none.
    var bounds: (earliest: Int64, latest: Int64) { store.bounds }
    /// Their times, in order of arrival.
    var times: [Int64] { store.times }
    /// The records that they came in, in order of arrival.
    var marks: [Mark] { store.marks }

    /// Appends the rows of one record.
    mutating func append(_ record: JournalBlocks) {
        if !isKnownUniquelyReferenced(&store) { store = store.copy() }
        store.append(record)
    }

    /// Appends the rows of one record; nothing may be read before ``settle()``.
    @inline(__always)
    mutating func collect(_ record: JournalBlocks) {
        if !isKnownUniquelyReferenced(&store) { store = store.copy() }
        store.collect(record)
    }

    /// Makes all that was collected readable.
    mutating func settle() { store.settle() }

    /// The column of a field, in order of arrival.
    func column(_ field: Int) -> Column { store.column(field) }

    /// The epochs that the rows come from.
    var epochs: [Int64] {
        var epochs: Set<Int64> = []
        var last: Int64?
        // One seldom changes.
        for mark in marks where mark.epoch != last {
            epochs.insert(mark.epoch)
            last = mark.epoch
        }
        return epochs.sorted()
    }

    /// Bytes that the rows of a record take here at most.
    @inline(__always)
    static func byteCount(_ record: JournalBlocks) -> Int {
        let texts = record.source.hasTexts ? record.rows.byteCount : 0
        return MemoryLayout<Mark>.stride + record.source.rowByteCount * record.rows.count + texts
    }

    /// Bytes that an empty collector of a feed takes.
    static func byteCount(of feed: Feed) -> Int {
        256 + feed.fields.count * (MemoryLayout<RowColumn>.stride + 64)
    }

    /// Leaves out the records that `isKept` refuses.
    mutating func filter(_ isKept: (Mark) -> Bool) {
        let marks = marks
        guard !marks.allSatisfy(isKept) else { return }
        let times = times
        let columns = feed.fields.indices.map { column($0) }
        let kept = RowStore(feed.fields.map(\.type))
        for (index, mark) in marks.enumerated() where isKept(mark) {
            let end = index + 1 < marks.count ? marks[index + 1].firstRow : times.count
            kept.append(mark, times, columns, rows: mark.firstRow..<end)
        }
        store = kept
    }

    /// When each row was received, in order of arrival.
    private var received: [Int64] {
        let marks = marks
        return [Int64](unsafeUninitializedCapacity: count) { buffer, filled in
            for (index, mark) in marks.enumerated() {
                let end = index + 1 < marks.count ? marks[index + 1].firstRow : count
                buffer[mark.firstRow..<end].initialize(repeating: mark.received)
            }
            filled = count
        }
    }
}

extension RowCollector {
    /// Its rows in the order of time, equal times in order of arrival.
    func sorted() -> (times: [Int64], received: [Int64], columns: [Column]) {
        let (times, received) = (times, received)
        let columns = feed.fields.indices.map { column($0) }
        guard let order = stableOrder(times) else { return (times, received, columns) }
        return (
            order.map { times[$0] }, order.map { received[$0] }, columns.map { $0.rows(order) }
        )
    }

    /// Adds its rows to a sealed file.
    func add(to builder: inout SealedFileBuilder) throws {
        guard count > 0 else { return }
        let (times, received) = (times, received)
        let order = stableOrder(times)
        try builder.add(
            instance,
            feed: feed,
            epochs: epochs,
            times: order.map { $0.map { times[$0] } } ?? times,
            received: order.map { $0.map { received[$0] } } ?? received,
            order: order,
            column: { store.source($0) }
        )
    }
}

internal import ArchiveFormat
internal import Telemetry

/// The rows of one declaration of a feed as they arrive.
struct RowCollector {
    /// One record: where its rows begin, and when it was received.
    struct Mark {
        let epoch: Int64, position: Int64, received: Int64, firstRow: Int
    }

    let instance: String
    let feed: Feed
    private var ownTimes = GrowingValues<Int64>()
    private var ownMarks = GrowingValues<Mark>()
    private var builders: [ColumnBuilder]

    init(instance: String, feed: Feed) {
        self.instance = instance
        self.feed = feed
        builders = feed.fields.map { ColumnBuilder($0.type) }
    }

    /// How many rows there are.
    var count: Int { ownTimes.count }
    /// Their times, in order of arrival.
    var times: [Int64] { ownTimes.array }
    /// The records that they came in, in order of arrival.
    var marks: [Mark] { ownMarks.array }

    /// Appends the rows of one record.
    mutating func append(_ record: JournalBlocks) {
        ownMarks.append(
            Mark(
                epoch: record.epoch,
                position: record.position,
                received: record.received.nanoseconds,
                firstRow: count
            )
        )
        var reader = record.rows.reader
        while let block = reader.block(columns: builders.count) {
            let rows = block.count / 8
            ownTimes.append(block, rows: rows)
            for place in builders.indices {
                if builders[place].appendPlain(from: &reader, rows: rows) { continue }
                guard let column = reader.column(builders[place].type, isChecked: true) else {
                    return
                }
                builders[place].append(column)
            }
        }
    }

    /// The column of a field, in order of arrival.
    func column(_ field: Int) -> Column { builders[field].column }

    /// The epochs that the rows come from.
    var epochs: [Int64] { Set(marks.map(\.epoch)).sorted() }

    /// Bytes that the rows of a record take here at most: numbers with the room into which columns
    /// grow, and texts as if none came twice.
    static func byteCount(_ record: JournalBlocks) -> Int {
        let types = record.source.types
        let numbers = (8 + 9 * types.count) * record.rows.count
        let texts = types.contains(.string) ? record.rows.byteCount + 40 * record.rows.count : 0
        return MemoryLayout<Mark>.stride + numbers + numbers / 4 + texts
    }

    /// Bytes that an empty collector of a feed takes.
    static func byteCount(of feed: Feed) -> Int {
        256 + feed.fields.count * (MemoryLayout<ColumnBuilder>.stride + 64)
    }

    /// Leaves out the records that `isKept` refuses.
    mutating func filter(_ isKept: (Mark) -> Bool) {
        let marks = marks
        guard !marks.allSatisfy(isKept) else { return }
        let times = times
        let columns = feed.fields.indices.map { column($0) }
        var kept = RowCollector(instance: instance, feed: feed)
        for (index, mark) in marks.enumerated() where isKept(mark) {
            let end = index + 1 < marks.count ? marks[index + 1].firstRow : times.count
            let rows = mark.firstRow..<end
            kept.ownMarks.append(
                Mark(
                    epoch: mark.epoch,
                    position: mark.position,
                    received: mark.received,
                    firstRow: kept.count
                )
            )
            kept.ownTimes.append(contentsOf: times[rows])
            for field in columns.indices {
                kept.builders[field].append(columns[field], rows: rows)
            }
        }
        self = kept
    }

    /// When each row was received, in order of arrival.
    private var received: [Int64] {
        let marks = marks
        var received: [Int64] = []
        received.reserveCapacity(count)
        for (index, mark) in marks.enumerated() {
            let end = index + 1 < marks.count ? marks[index + 1].firstRow : count
            received += repeatElement(mark.received, count: end - mark.firstRow)
        }
        return received
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
            columns: feed.fields.indices.map { column($0) },
            order: order
        )
    }
}

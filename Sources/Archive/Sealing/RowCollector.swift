internal import ArchiveFormat
internal import Telemetry

/// The rows of one declaration of a feed as they arrive.
struct RowCollector {
    /// Where the rows of one record begin.
    struct Mark {
        let epoch: Int64, position: Int64, firstRow: Int
    }

    let instance: String
    let feed: Feed
    private(set) var times: [Int64] = []
    private(set) var received: [Int64] = []
    private(set) var marks: [Mark] = []
    private var builders: [ColumnBuilder]

    init(instance: String, feed: Feed) {
        self.instance = instance
        self.feed = feed
        builders = feed.fields.map { ColumnBuilder($0.type) }
    }

    /// Appends the rows of one record.
    mutating func append(_ record: JournalBlocks) {
        marks.makeRoom(for: 1)
        marks.append(
            Mark(epoch: record.epoch, position: record.position, firstRow: times.count)
        )
        let types = record.source.types
        var reader = record.rows.reader
        while let block = reader.block(columns: types.count) {
            times.makeRoom(for: block.count / 8)
            received.makeRoom(for: block.count / 8)
            for offset in stride(from: 0, to: block.count, by: 8) {
                times.append(block.loadUnaligned(fromByteOffset: offset, as: Int64.self))
                received.append(record.received.nanoseconds)
            }
            for place in types.indices {
                guard let column = reader.column(types[place], isChecked: true) else { return }
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
        let numbers = (16 + 9 * types.count) * record.rows.count
        let texts = types.contains(.string) ? record.rows.byteCount + 40 * record.rows.count : 0
        return MemoryLayout<Mark>.stride + numbers + numbers / 4 + texts
    }

    /// Bytes that an empty collector of a feed takes.
    static func byteCount(of feed: Feed) -> Int {
        256 + feed.fields.count * (MemoryLayout<ColumnBuilder>.stride + 64)
    }

    /// Leaves out the records that `isKept` refuses.
    mutating func filter(_ isKept: (Mark) -> Bool) {
        guard !marks.allSatisfy(isKept) else { return }
        var kept = RowCollector(instance: instance, feed: feed)
        for (index, mark) in marks.enumerated() where isKept(mark) {
            let end = index + 1 < marks.count ? marks[index + 1].firstRow : times.count
            let rows = mark.firstRow..<end
            kept.marks.append(
                Mark(epoch: mark.epoch, position: mark.position, firstRow: kept.times.count)
            )
            kept.times += times[rows]
            kept.received += received[rows]
            for field in builders.indices {
                kept.builders[field].append(builders[field].column, rows: rows)
            }
        }
        self = kept
    }
}

extension RowCollector {
    /// Its rows in the order of time, equal times in order of arrival.
    func sorted() -> (times: [Int64], received: [Int64], columns: [Column]) {
        let columns = feed.fields.indices.map { column($0) }
        guard let order = stableOrder(times) else { return (times, received, columns) }
        return (
            order.map { times[$0] }, order.map { received[$0] }, columns.map { $0.rows(order) }
        )
    }

    /// Adds its rows to a sealed file.
    func add(to builder: inout SealedFileBuilder) throws {
        guard !times.isEmpty else { return }
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

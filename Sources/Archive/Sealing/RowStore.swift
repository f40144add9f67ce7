internal import ArchiveFormat
internal import Telemetry

/// The memory of a ``RowCollector``: columns that grow where they stand.
// One that others can see is never changed: who is not its only holder copies it first.
final class RowStore: @unchecked Sendable {
    /// What all columns have in common.
    struct Rows: ~Copyable {
        var times = GrowingBytes(), marks = GrowingBytes()
        /// How the last row looked; 0 where nobody knows.
        var layout = 0
        /// Rows that are not in the columns yet, nor in the times.
        var waiting = WaitingRows()
        /// The least and the largest of the times.
        var earliest = Int64.max, latest = Int64.min

        /// How many rows there are.
        var count: Int { times.count / 8 + waiting.count }
    }

    /// By pointers: of properties that change, a class looks each time who else changes them.
    private let rows: UnsafeMutablePointer<Rows>
    private let columns: UnsafeMutableBufferPointer<RowColumn>

    init(_ types: [FieldType]) {
        rows = .allocate(capacity: 1)
        rows.initialize(to: Rows())
        columns = .allocate(capacity: types.count)
        for place in types.indices { columns.initializeElement(at: place, to: .init(types[place])) }
    }

    deinit {
        rows.deinitialize(count: 1)
        rows.deallocate()
        columns.deinitialize()
        columns.deallocate()
    }

    /// How many rows there are.
    var count: Int { rows.pointee.count }
    /// The least and the largest of their times; the largest and the least Int64 of none.
    var bounds: (earliest: Int64, latest: Int64) { (rows.pointee.earliest, rows.pointee.latest) }
    /// Their times.
    var times: [Int64] { rows.pointee.times.array() }
    /// The records that they came in.
    var marks: [RowCollector.Mark] { rows.pointee.marks.array() }
    /// The column of a field.
    func column(_ field: Int) -> Column { columns[field].column }
    /// The same for a sealed file.
    func source(_ field: Int) -> SourceColumn { columns[field].source }

    /// Appends the rows of one record.
    func append(_ record: JournalBlocks) {
        settle()
        note(record)
        if let row = record.rows.row { return append(row) }
        rows.pointee.layout = 0
        var reader = record.rows.reader
        while let block = reader.block(columns: columns.count) {
            rows.pointee.times.append(block)
            for place in 0..<columns.count {
                let width = columns[place].plainWidth
                if width > 0, let values = reader.plain(width: width) {
                    columns[place].appendPlain(values, rows: block.count / 8)
                } else if let column = reader.column(record.source.types[place], isChecked: true) {
                    columns[place].append(column)
                }
            }
        }
    }

    /// Appends the rows of one record, a single row with others of its layout together: nothing
    /// may be read before ``settle()``.
    ///
    /// A record of one row is one piece of memory then, and not one for each column.
    func collect(_ record: JournalBlocks) {
        guard let row = record.rows.row else { return append(record) }
        if !rows.pointee.waiting.fits(row) {
            settle()
            rows.pointee.waiting.begin(with: row, columns: columns.count)
        }
        note(record)
        rows.pointee.waiting.append(row)
    }

    /// Gives the rows that wait to the columns.
    func settle() {
        if let waiting = rows.pointee.waiting.take() { append(waiting) }
    }

    /// Appends rows of which it is known where their values stand.
    private func append(_ known: KnownRows) {
        let (count, stride) = (known.count, known.byteCount)
        rows.pointee.times.append(known.times, count, Int64.self, stride: stride)
        let hasSameTexts = rows.pointee.layout == known.layout
        rows.pointee.layout = known.layout
        for place in 0..<columns.count {
            if columns[place].plainWidth > 0 {
                columns[place].appendPlain(known.values(place), rows: count, stride: stride)
                continue
            }
            var row = 0
            if !hasSameTexts {
                columns[place].append(known.view(place, columns[place].type, row: 0))
                row = 1
            }
            if columns[place].repeatText(rows: count - row) { continue }
            for row in row..<count {
                columns[place].append(known.view(place, columns[place].type, row: row))
            }
        }
    }

    /// Appends some rows of another store, whose times and columns are given.
    func append(_ mark: RowCollector.Mark, _ times: [Int64], _ columns: [Column], rows: Range<Int>)
    {
        append(
            RowCollector.Mark(
                epoch: mark.epoch,
                position: mark.position,
                received: mark.received,
                firstRow: count
            )
        )
        for time in times[rows] { note(time, time) }
        self.rows.pointee.times.append(times[rows])
        for place in columns.indices { self.columns[place].append(columns[place], rows: rows) }
    }

    private func note(_ record: JournalBlocks) {
        append(
            RowCollector.Mark(
                epoch: record.epoch,
                position: record.position,
                received: record.received.nanoseconds,
                firstRow: count
            )
        )
        note(record.rows.earliest, record.rows.latest)
    }

    private func note(_ earliest: Int64, _ latest: Int64) {
        rows.pointee.earliest = min(rows.pointee.earliest, earliest)
        rows.pointee.latest = max(rows.pointee.latest, latest)
    }

    private func append(_ mark: RowCollector.Mark) {
        rows.pointee.marks.append(mark)
    }

    /// The same rows in other memory.
    func copy() -> RowStore { RowStore(copying: self) }

    private init(copying other: RowStore) {
        rows = .allocate(capacity: 1)
        rows.initialize(
            to: Rows(times: other.rows.pointee.times.copy(), marks: other.rows.pointee.marks.copy())
        )
        rows.pointee.earliest = other.rows.pointee.earliest
        rows.pointee.latest = other.rows.pointee.latest
        columns = .allocate(capacity: other.columns.count)
        for place in columns.indices {
            columns.initializeElement(at: place, to: other.columns[place].copy())
        }
    }
}

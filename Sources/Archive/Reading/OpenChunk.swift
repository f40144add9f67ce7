internal import ArchiveFormat
internal import Synchronization
internal import Telemetry

/// Where a record stands in the log of its instance.
struct OpenRecord: Hashable, Sendable {
    let epoch: Int64, position: Int64

    /// Whether it was committed, by what `limit` says.
    func isCommitted(_ limit: CursorTable, _ instance: String) -> Bool {
        position <= limit[instance, epoch]?.position ?? 0
    }
}

/// What is known of some rows of an open timeline without looking at them.
struct OpenSpan: Hashable, Sendable {
    var rows = 0
    var first = Timestamp(nanoseconds: .max), last = Timestamp(nanoseconds: .min)
    /// The newest position of each epoch.
    private var positions: [Int64: Int64] = [:]
    /// The record that came last.
    private(set) var lastRecord: OpenRecord?

    /// No rows.
    init() {}

    /// The rows of a collector, without the records that they came in.
    init(_ collector: RowCollector) {
        rows = collector.count
        first = Timestamp(nanoseconds: collector.bounds.earliest)
        last = Timestamp(nanoseconds: collector.bounds.latest)
    }

    /// Some rows.
    init(_ rows: OpenRows) {
        self.rows = rows.times.count
        first = Timestamp(nanoseconds: rows.times.min() ?? .max)
        last = Timestamp(nanoseconds: rows.times.max() ?? .min)
        for (epoch, position) in zip(rows.epochs, rows.positions) {
            positions[epoch] = max(positions[epoch] ?? 0, position)
        }
        lastRecord = rows.lastRecord
    }

    static func + (left: OpenSpan, right: OpenSpan) -> OpenSpan {
        var sum = left
        sum.rows += right.rows
        sum.first = min(left.first, right.first)
        sum.last = max(left.last, right.last)
        sum.positions.merge(right.positions) { max($0, $1) }
        sum.lastRecord = right.lastRecord ?? left.lastRecord
        return sum
    }

    func overlaps(_ range: Range<Timestamp>) -> Bool {
        rows > 0 && first < range.upperBound && last >= range.lowerBound
    }

    /// Whether some of the rows of `instance` were not committed, by what `limit` says.
    func exceeds(_ limit: CursorTable, _ instance: String) -> Bool {
        positions.contains {
            !OpenRecord(epoch: $0.key, position: $0.value).isCommitted(limit, instance)
        }
    }
}

/// Rows of an open timeline with the records that they came in: columns of equal length.
struct OpenRows {
    var times: [Int64], epochs: [Int64], positions: [Int64]
    var columns: [Column]
    /// The record that came last, which may have no row here any more.
    private(set) var lastRecord: OpenRecord?

    /// What a collector has, sorted by time, equal times in order of arrival.
    init(_ collector: RowCollector) {
        times = collector.times
        columns = collector.feed.fields.indices.map { collector.column($0) }
        epochs = []
        positions = []
        let marks = collector.marks
        for (index, mark) in marks.enumerated() {
            let isLast = index + 1 == marks.count
            let end = isLast ? times.count : marks[index + 1].firstRow
            epochs += repeatElement(mark.epoch, count: end - mark.firstRow)
            positions += repeatElement(mark.position, count: end - mark.firstRow)
        }
        lastRecord = marks.last.map { OpenRecord(epoch: $0.epoch, position: $0.position) }
        if let order = stableOrder(times) { self = self[order] }
    }

    fileprivate init(_ integers: [[Int64]], _ columns: [Column], _ lastRecord: OpenRecord?) {
        (times, epochs, positions) = (integers[0], integers[1], integers[2])
        self.columns = columns
        self.lastRecord = lastRecord
    }

    /// Some of the rows, in this order.
    private subscript(rows: [Int]) -> OpenRows {
        OpenRows(
            [times, epochs, positions].map { integers in rows.map { integers[$0] } },
            columns.map { $0.rows(rows) },
            lastRecord
        )
    }

    /// The rows of `instance` that were committed, by what `limit` says; nil if all were.
    func cut(at limit: CursorTable, _ instance: String) -> OpenRows? {
        let kept = times.indices.filter {
            OpenRecord(epoch: epochs[$0], position: positions[$0]).isCommitted(limit, instance)
        }
        return kept.count == times.count ? nil : self[kept]
    }
}

/// Consecutive rows of an open timeline, encoded as in a sealed file.
struct OpenChunk: Sendable {
    private static let made = Atomic(0)

    /// What is known of its rows.
    let span: OpenSpan
    /// Tells it from all others of the process; those made later have higher ones.
    let number: Int
    private let bytes: [UInt8]
    /// Where the columns stand in the bytes: times, epochs and positions, then the fields.
    private let places: [Chunk]

    /// The place of the column of times, and that of the first field.
    static let times = 0, firstField = 3

    init(_ rows: OpenRows) {
        number = Self.made.add(1, ordering: .relaxed).newValue
        span = OpenSpan(rows)
        var bytes: [UInt8] = []
        var places: [Chunk] = []
        for column in [.ints(rows.times), .ints(rows.epochs), .ints(rows.positions)] + rows.columns
        {
            let encoded = ChunkCodec.encode(column, rows: 0..<column.count)
            places.append(
                Chunk(
                    offset: bytes.count,
                    byteCount: encoded.bytes.count,
                    plainByteCount: encoded.plainByteCount,
                    checksum: encoded.bytes.withUnsafeBytes { crc32c($0) },
                    encoding: encoded.encoding.rawValue
                )
            )
            bytes += encoded.bytes
        }
        // A copy has no room that nobody needs.
        self.bytes = bytes.withUnsafeBufferPointer { Array($0) }
        self.places = places
    }

    /// The bytes that it takes in memory, about.
    var byteCount: Int { bytes.count + places.count * (MemoryLayout<Chunk>.stride + 8) + 256 }

    /// The bytes of the column at `place`.
    func checked(_ place: Int) throws(ChunkError) -> CheckedChunk {
        let chunk = places[place]
        return try CheckedChunk(Array(bytes[chunk.offset...].prefix(chunk.byteCount)), chunk)
    }

    private func column(_ place: Int, _ type: FieldType) throws(ChunkError) -> Column {
        try checked(place).column(type, rows: span.rows)
    }

    /// All rows; `feed` declares them.
    func rows(_ feed: Feed) throws(ChunkError) -> OpenRows {
        var integers: [[Int64]] = []
        for place in Self.times..<Self.firstField {
            integers.append(try column(place, .int).integers)
        }
        var columns: [Column] = []
        for (index, field) in feed.fields.enumerated() {
            columns.append(try column(Self.firstField + index, field.type))
        }
        return OpenRows(integers, columns, span.lastRecord)
    }
}

internal import ArchiveFormat
internal import Log
internal import Telemetry

/// The rows of one declaration of a feed in an open segment, in bounded memory.
///
/// The newest rows are as they came, those before them are encoded, and the oldest may be
/// forgotten: they stand in the journal.
struct OpenTimeline: Sendable {
    let instance: String
    let feed: Feed
    /// The oldest rows, which only the journal has.
    private(set) var forgotten = OpenSpan()
    /// The rows that follow, in order of arrival.
    private(set) var chunks: [OpenChunk] = []
    /// The newest rows.
    private(set) var tail: RowCollector
    /// The bytes that all of it takes in memory, about.
    private(set) var byteCount = Self.overhead
    private var tailByteCount = 0

    /// Bytes that a timeline takes without rows.
    private static let overhead = 512

    init(instance: String, feed: Feed) {
        self.instance = instance
        self.feed = feed
        tail = RowCollector(instance: instance, feed: feed)
    }

    /// The name, `instance.feed`.
    var name: String { "\(instance).\(feed.name)" }

    /// All its rows.
    var span: OpenSpan { chunks.reduce(forgotten) { $0 + $1.span } + OpenSpan(tail) }

    /// Appends the rows of one record.
    mutating func append(_ record: JournalBlocks) {
        tail.append(record)
        let more = RowCollector.byteCount(record) + MemoryLayout<RowCollector.Mark>.stride
        tailByteCount += more
        byteCount += more
        if tail.count >= Limits.openChunkRows { encodeTail() }
    }

    /// Encodes the newest rows, however few they are.
    mutating func encodeTail() {
        guard tail.count > 0 else { return }
        add(OpenRows(tail))
        byteCount -= tailByteCount
        tailByteCount = 0
        tail = RowCollector(instance: instance, feed: feed)
    }

    private mutating func add(_ rows: OpenRows) {
        let chunk = OpenChunk(rows)
        chunks.append(chunk)
        byteCount += chunk.byteCount
    }

    /// Leaves the oldest rows that are encoded to the journal.
    mutating func forgetOldest() {
        guard !chunks.isEmpty else { return }
        let chunk = chunks.removeFirst()
        forgotten = forgotten + chunk.span
        byteCount -= chunk.byteCount
    }

    /// Leaves out the rows that were not committed, by what `limit` says.
    ///
    /// Of those forgotten they are left out when they are read again.
    mutating func cut(at limit: CursorTable) throws(ChunkError) {
        tail.filter {
            OpenRecord(epoch: $0.epoch, position: $0.position).isCommitted(limit, instance)
        }
        guard chunks.contains(where: { $0.span.exceeds(limit, instance) }) else { return }
        let before = chunks
        chunks = []
        for chunk in before {
            guard chunk.span.exceeds(limit, instance),
                let rows = try chunk.rows(feed).cut(at: limit, instance)
            else {
                chunks.append(chunk)
                continue
            }
            byteCount -= chunk.byteCount
            if !rows.times.isEmpty { add(rows) }
        }
    }

    /// All rows in the order of time; only where nothing is forgotten.
    func rows() throws(ArchiveError) -> (times: [Int64], columns: [Column]) {
        precondition(forgotten.rows == 0, "who needs all rows sets no limit")
        var all: [OpenRows] = []
        do throws(ChunkError) {
            for chunk in chunks { all.append(try chunk.rows(feed)) }
        } catch {
            throw .journal("rows of \(name) in memory: \(error)")
        }
        all.append(OpenRows(tail))
        let pieces = all.compactMap { rows in
            SlicePiece(
                feed,
                times: rows.times,
                range: .allOfTime,
                columns: zip(feed.fields, rows.columns).map { .init(field: $0, column: $1) }
            )
        }
        let slice = try TimelineSlice(
            pieces,
            fields: feed.fields.count,
            limit: .max,
            revision: 0
        )
        return (slice.timestamps.map(\.nanoseconds), slice.columns)
    }
}

extension OpenTimeline {
    /// Ends the reading of a journal where enough of it is read.
    private struct Enough: Error {}

    /// The rows that only the journal has, as far as they are in `range`, in pieces with the
    /// columns of some fields.
    ///
    /// `limit` is what was committed of the segment, nil for all of it.
    ///
    /// - Throws: `DiskError.missing` if the segment was sealed meanwhile;
    ///   ``ArchiveError/journal(_:)`` if it does not have all of them any more.
    func forgotten(
        in directory: ArchiveDirectory,
        _ file: ArchiveFile,
        _ limit: CursorTable?,
        _ fields: [Int?],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        var pieces: [SlicePiece] = []
        var rows = RowCollector(instance: instance, feed: feed)
        var isOurs: [Int: Bool] = [:]
        func end() {
            if let piece = SlicePiece(rows, fields, range) { pieces.append(piece) }
            rows = RowCollector(instance: instance, feed: feed)
        }
        do {
            let follower = JournalFollower(try directory.disk.open(directory.full(file), .read))
            try follower.read(isClosed: false) { record in
                let isOwn =
                    isOurs[record.timeline]
                    ?? (record.instance == instance && record.feed == feed)
                isOurs[record.timeline] = isOwn
                guard isOwn else { return }
                let place = OpenRecord(epoch: record.epoch, position: record.position)
                if limit.map({ place.isCommitted($0, instance) }) ?? true { rows.append(record) }
                if rows.count >= Limits.openChunkRows { end() }
                if place == forgotten.lastRecord { throw Enough() }
            } others: { _ in
            }
        } catch is Enough {
            end()
            return pieces
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .journal("\(file.path): \(error)")
        }
        throw .journal("\(file.path): rows of \(name) that were read before are not there any more")
    }
}

public import MessagePack
public import Telemetry

/// What a record says.
public enum RecordKind: Int64, Sendable {
    /// Blocks of one feed.
    case data = 1
    /// The declaration of one feed; the record's revision is its number from now on.
    case declaration = 2
    /// Records that the log had to drop.
    case loss = 3
    /// The epoch ended in order: nothing follows.
    case end = 4
}

/// What stands before the body of every record of a log.
///
/// On the wire, in logs and inside the batches of a journal:
/// `[kind, epoch, sequence, revision, published_ns, body]`; `Wire.md` draws the bodies.
public struct RecordHeader: Hashable, Sendable {
    /// What the record says; nil for a kind that this version does not know.
    public var kind: RecordKind?
    /// The epoch of the instance that wrote it.
    public var epoch: Int64
    /// The position in the epoch: 1, 2, 3, … without a hole.
    public var position: Int64
    /// The number of the feed's declaration within the epoch; 0 where none is concerned.
    public var revision: Int64
    /// When `publish` accepted it, on the host's clock.
    public var published: Timestamp

    /// A header.
    public init(
        kind: RecordKind?,
        epoch: Int64,
        position: Int64,
        revision: Int64,
        published: Timestamp
    ) {
        self.kind = kind
        self.epoch = epoch
        self.position = position
        self.revision = revision
        self.published = published
    }
}

/// What the body of a loss record says: `count` records from `first` on are gone.
public struct RecordLoss: Hashable, Sendable {
    /// The epoch that lost them, which may be an earlier one of the same log.
    public var epoch: Int64
    /// The first position that is gone, and how many are.
    public var first: Int64, count: Int64
    /// When the first and the last of them were published.
    public var from: Timestamp, to: Timestamp
    /// Why: `spool full`.
    public var cause: String

    /// A loss.
    public init(
        epoch: Int64,
        first: Int64,
        count: Int64,
        from: Timestamp,
        to: Timestamp,
        cause: String
    ) {
        self.epoch = epoch
        self.first = first
        self.count = count
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// Why a record cannot be read; it is kept as it is and entered as `unreadable`.
public enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No record, or one of a version to come.
    case malformed(String)
    /// The body does not fit the declaration that its revision names.
    case mismatch(feed: String, String)
    /// More bytes than a record may have.
    case tooLong(byteCount: Int)

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .malformed(let what): "malformed record: \(what)"
        case .mismatch(let feed, let what): "record of feed \(feed): \(what)"
        case .tooLong(let byteCount):
            "a record of \(byteCount) bytes; \(Record.longest) are possible: publish fewer rows "
                + "at once"
        }
    }
}

/// One entry of an agent's log, decoded as far as its header; the body is read on demand.
public struct Record {
    /// The longest record, in bytes: 16 fields of 8 bytes leave room for 30,000 rows.
    public static let longest = 4 << 20

    /// What stands before the body.
    public let header: RecordHeader
    /// The body as it stands, valid as long as the bytes of the record.
    public let body: UnsafeRawBufferPointer

    /// The record in `payload`, which has to outlive it.
    ///
    /// The body of a record of data is looked at by ``rows(of:types:)``, that of any other here.
    public init(_ payload: UnsafeRawBufferPointer) throws(RecordError) {
        guard var reader = MessagePackReader(payload), reader.array() == 6,
            let ints = reader.fiveInts(), LedgerEntry.possiblePositions.contains(ints[2])
        else { throw .malformed("six parts with an integer header expected") }
        header = RecordHeader(
            kind: RecordKind(rawValue: ints[0]),
            epoch: ints[1],
            position: ints[2],
            revision: ints[3],
            published: Timestamp(nanoseconds: ints[4])
        )
        body = reader.rest
        guard header.kind != .data else { return }
        do {
            try MessagePackLimits.records.scan(body)
        } catch {
            throw .malformed("\(error), counted from its body")
        }
    }

    /// Calls `read` with the record in `payload`; the record is valid during the call only.
    ///
    /// - Throws: ``RecordError``, or what `read` throws.
    public static func withRecord<Result>(
        in payload: UnsafeRawBufferPointer,
        _ read: (Record) throws -> Result
    ) throws -> Result {
        try read(Record(payload))
    }

    /// The declaration in a record of that kind.
    public func declaration() throws(RecordError) -> Feed {
        guard let value = try? Value(messagePack: body, limits: .records), let feed = Feed(value)
        else { throw .malformed("the declaration is none") }
        return feed
    }

    /// The loss in a record of that kind.
    public func loss() throws(RecordError) -> RecordLoss {
        guard let parts = (try? Value(messagePack: body, limits: .records))?.array,
            parts.count == 6, let epoch = parts[0].int, let first = parts[1].int,
            let count = parts[2].int, let from = parts[3].int, let to = parts[4].int,
            let cause = parts[5].string, LedgerEntry.possiblePositions.contains(first),
            LedgerEntry.possiblePositions.contains(count)
        else { throw .malformed("the loss is none") }
        return RecordLoss(
            epoch: epoch,
            first: first,
            count: count,
            from: Timestamp(nanoseconds: from),
            to: Timestamp(nanoseconds: to),
            cause: cause
        )
    }

    /// The rows in a record of data, whose columns are as `feed` declares them: `types` is the
    /// types of its fields.
    public func rows(
        of feed: @autoclosure () -> Feed,
        types: [FieldType]
    ) throws(RecordError) -> RecordRows {
        do {
            return try RecordRows(body, types)
        } catch {
            throw error.asRecordError(feed())
        }
    }

    /// The row in a record of data that looks like one before it of the same feed, as `form` tells,
    /// which has to be valid as long as the row; nil for any other.
    public func row(like form: RecordForm?) -> RecordRows? {
        guard let form, form.fits(body) else { return nil }
        return RecordRows(body, form)
    }

    /// The rows in any record of data, of which `known` takes note.
    public func rows(
        of feed: @autoclosure () -> Feed,
        types: [FieldType],
        noting known: inout KnownLayout
    ) throws(RecordError) -> RecordRows {
        let rows = try rows(of: feed(), types: types)
        if rows.count == 1 { known.note(body, types) }
        return rows
    }

    /// The blocks in a record of data, whose columns are as `feed` declares them.
    public func blocks(of feed: Feed) throws(RecordError) -> [Block] {
        let types = feed.fields.map(\.type)
        return try rows(of: feed, types: types).blocks(types)
    }
}

/// Writes the records of a log.
public enum RecordWriter {
    /// Writes a record of data.
    public static func write(
        _ header: RecordHeader,
        blocks: [Block],
        to writer: inout MessagePackWriter
    ) {
        begin(header, .data, &writer)
        writer.beginArray(blocks.count)
        for block in blocks { BlockCodec.write(block, to: &writer) }
    }

    /// Writes a record that declares `feed`.
    public static func write(
        _ header: RecordHeader,
        declaration feed: Feed,
        to writer: inout MessagePackWriter
    ) {
        begin(header, .declaration, &writer)
        feed.write(to: &writer)
    }

    /// Writes a record of what the log dropped.
    public static func write(
        _ header: RecordHeader,
        loss: RecordLoss,
        to writer: inout MessagePackWriter
    ) {
        begin(header, .loss, &writer)
        writer.beginArray(6)
        writer.write(loss.epoch)
        writer.write(loss.first)
        writer.write(loss.count)
        writer.write(loss.from.nanoseconds)
        writer.write(loss.to.nanoseconds)
        writer.write(loss.cause)
    }

    /// Writes the record that ends an epoch in order.
    public static func writeEnd(_ header: RecordHeader, to writer: inout MessagePackWriter) {
        begin(header, .end, &writer)
        writer.writeNull()
    }

    private static func begin(
        _ header: RecordHeader,
        _ kind: RecordKind,
        _ writer: inout MessagePackWriter
    ) {
        writer.beginArray(6)
        writer.write(kind.rawValue)
        writer.write(header.epoch)
        writer.write(header.position)
        writer.write(header.revision)
        writer.write(header.published.nanoseconds)
    }
}

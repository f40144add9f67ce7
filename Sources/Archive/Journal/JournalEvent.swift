public import ArchiveFormat
public import Telemetry

/// One declaration of a feed, as a follower of a journal knows it.
public final class JournalFeed: Sendable {
    /// The instance that declared it.
    public let instance: String
    /// The declaration, and the types of its fields.
    public let feed: Feed, types: [FieldType]
    /// Counts the declarations of a follower: equal numbers are equal declarations of one feed of
    /// one instance.
    public let number: Int
    /// How many fields there are, and whether some of them are texts.
    let fieldCount: Int, hasTexts: Bool
    /// How far before it was published a sample may be dated, in nanoseconds, and still be on time:
    /// a feed that declares to be late is not marked for it.
    let tolerance: Int64
    /// Bytes that a row takes in a ``RowCollector`` at most, without its texts.
    let rowByteCount: Int

    init(instance: String, feed: Feed, number: Int) {
        self.instance = instance
        self.feed = feed
        self.number = number
        types = feed.fields.map(\.type)
        fieldCount = types.count
        hasTexts = types.contains(.string)
        // Numbers with the room into which columns grow, and texts as if none came twice.
        rowByteCount = 10 + 12 * fieldCount + (hasTexts ? 40 : 0)
        tolerance = max(Duration.clockTolerance, feed.lateness).nanoseconds
    }
}

/// The rows of one record of a journal; valid during the call that gives them.
public struct JournalBlocks {
    /// Whose rows they are.
    ///
    /// Not counted: whoever reads a journal holds it, and it is given on with every record.
    public unowned(unsafe) let source: JournalFeed
    /// Where the record stands in the instance's log.
    public let epoch: Int64, position: Int64
    /// When `publish` accepted it, and when the archive received it.
    public let published: Timestamp, received: Timestamp
    /// The rows, in order.
    public let rows: RecordRows

    /// The instance that published them.
    public var instance: String { source.instance }
    /// The declaration that they follow.
    public var feed: Feed { source.feed }
    /// The number of the declaration: see ``JournalFeed/number``.
    public var timeline: Int { source.number }
    /// The rows, decoded.
    public var blocks: [Block] { rows.blocks(source.types) }
}

/// What a follower finds in a journal beside rows, in order of arrival.
public enum JournalEvent {
    /// A segment opens, or tells again how far the archive has come.
    case opening(archive: String, segment: String, created: Timestamp, cursors: [Cursor])
    /// A feed is declared; once more at the opening of each segment.
    case declaration(KeptDeclaration)
    /// What is known to be missing.
    case ledger(LedgerEntry)
    /// A record that cannot be decoded; its payload is valid during the call only.
    case unreadable(
        instance: String,
        epoch: Int64,
        position: Int64,
        received: Timestamp,
        reason: String,
        payload: UnsafeRawBufferPointer
    )
    /// A batch ends: how far its epoch has come, and when it was received.
    case progress(Cursor, received: Timestamp)
    /// Bytes of the segment that are no entry.
    case damage(Range<Int>, reason: String)
}

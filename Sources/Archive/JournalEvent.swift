public import ArchiveFormat
public import Telemetry

/// The blocks of one record of a journal.
public struct JournalBlocks: Sendable {
    /// The instance that published them.
    public let instance: String
    /// The declaration that they follow.
    public let feed: Feed
    /// Counts the declarations of a follower: equal numbers are equal declarations of one feed of
    /// one instance.
    public let timeline: Int
    /// Where the record stands in the instance's log.
    public let epoch: Int64, position: Int64
    /// When `publish` accepted it, and when the archive received it.
    public let published: Timestamp, received: Timestamp
    /// The rows, in order.
    public let blocks: [Block]
}

/// What a follower finds in a journal, in order of arrival.
public enum JournalEvent {
    /// A segment opens, or tells again how far the archive has come.
    case opening(archive: String, segment: String, created: Timestamp, cursors: [Cursor])
    /// A feed is declared; once more at the opening of each segment.
    case declaration(KeptDeclaration)
    /// Rows of one feed.
    case blocks(JournalBlocks)
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

public import ArchiveFormat
internal import Telemetry

/// What a log tells whoever opened it; called on the log's own thread, and not to block.
public enum LogEvent: Sendable {
    /// Records are in the log (or in memory while the disk fails) and may go out on PUB.
    case written(WrittenRecords)
    /// The spool is this full, as a fraction of its size; said at each tenth from 0.5 on, and once
    /// when it is below that again.
    case spoolFilling(Double)
    /// The spool is full: the loss record is written and synced, the segment goes now.
    case dropped(RecordLoss)
    /// The disk refuses to be written; records are kept in memory.
    ///
    /// Where the file that notes them cannot be written either, `unnoted` says why: then nothing
    /// will tell of them if the process dies.
    case inMemory(reason: DiskError, unnoted: DiskError?)
    /// All that was in memory is written.
    case recovered
    /// The log closed while the disk refused to be written: these records are gone,
    /// repeated declarations included.
    case lost(count: Int64, reason: DiskError)
    /// A segment cannot be read; archives that need it are told to ask again for half a minute,
    /// and then what is in it counts as damaged.
    case unreadable(reason: DiskError)
    /// What could not be read has been read.
    case readable
    /// An archive holds other records of the epoch than the log: the disk was rolled back. A new
    /// epoch has begun.
    case diverged(archive: String, epoch: Int64, newEpoch: Int64)
}

/// The records of one write.
public struct WrittenRecords: Sendable {
    /// Whole frames, as they stand in the log.
    public let frames: [UInt8]
    let entries: [RunEntry]
    let feedNames: [String]

    /// How many records there are, those that concern no feed included.
    public var count: Int { entries.count }

    /// Calls `body` with the feed and the payload of each record of data and each declaration, in
    /// order; the payload is valid during the call only.
    public func forEach(_ body: (_ feed: String, _ payload: UnsafeRawBufferPointer) -> Void) {
        frames.withUnsafeBytes { bytes in
            for (index, entry) in entries.enumerated() where entry.revision > 0 {
                let start = Int(entry.offset) + Frame.headerLength
                let end =
                    index + 1 < entries.count ? Int(entries[index + 1].offset) : bytes.count
                body(
                    feedNames[Int(entry.revision) - 1],
                    UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                )
            }
        }
    }
}

internal import ArchiveFormat
internal import Telemetry

/// The declarations that were read lately, by the bytes of their records.
///
/// Each segment of a journal begins with all of them, mostly the same ones as the segment before.
/// Used from one thread at a time.
final class KnownFeeds {
    private struct Known {
        let bytes: [UInt8], feed: Feed
    }

    private var feeds: [UInt32: Known] = [:]
    private var byteCount = 0

    /// The feed that a record declares.
    func feed(of record: Record) throws(RecordError) -> Feed {
        let checksum = crc32c(record.body)
        if let known = feeds[checksum], known.bytes.elementsEqual(record.body) { return known.feed }
        let feed = try record.declaration()
        byteCount += record.body.count
        if byteCount > Limits.knownFeeds { (feeds, byteCount) = ([:], record.body.count) }
        feeds[checksum] = Known(bytes: Array(record.body), feed: feed)
        return feed
    }
}

import ArchiveFormat
import Log
import Telemetry

/// Why a record that `publish` accepted need not be in an archive.
enum Excuse: Hashable {
    case spoolFull, powerLoss, memory, failedSync, damage, unreadable, rolledBack, forgotten
}

/// One record that an agent has published.
struct Published {
    /// Its one value, which no other record has.
    let number: Int64
    let feed: Feed
    let admission: Admission
    let time: Timestamp
    /// When `publish` returned, and when the record was written; nil before.
    var returned: Duration?, written: Duration?
    var isSynced = false
    /// Whether its process died before `publish` returned: it may be there or not.
    var isOpen = false
    /// Whether the log held it in memory, for a disk that refused, before it was synced.
    var wasInMemory = false
    /// Whether damage, or a disk that was rolled back, has taken what tells that it is missing.
    var isUntold = false
    var excuses: Set<Excuse> = []
}

extension RecordLoss {
    /// Whether it is about the record at a place.
    func names(_ place: Admission) -> Bool {
        epoch == place.epoch && (first..<(first + count)).contains(place.position)
    }
}

/// A record of a segment, and which bytes it is.
struct SegmentRecord {
    let range: Range<Int>
    let header: RecordHeader
    let loss: RecordLoss?

    /// The records of a segment that can be read.
    static func all(in bytes: [UInt8]) -> [SegmentRecord] {
        bytes.withUnsafeBytes { bytes in
            var scanner = FrameScanner(bytes)
            var records: [SegmentRecord] = []
            while let item = scanner.next() {
                guard case .frame(let start, let payload, _) = item,
                    let record = try? Record(payload)
                else { continue }
                let range = start..<scanner.offset
                let loss = try? record.loss()
                records.append(SegmentRecord(range: range, header: record.header, loss: loss))
            }
            return records
        }
    }
}

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
    /// Whether damage has taken what tells that the record was dropped.
    var isUntold = false
    var excuses: Set<Excuse> = []
}

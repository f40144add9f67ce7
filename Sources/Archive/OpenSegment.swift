internal import ArchiveFormat
internal import Telemetry

/// A segment of the journal that no sealed file lists yet, as columns in memory.
struct OpenSegment {
    let file: ArchiveFile
    let follower: JournalFollower
    /// The rows by number of the declaration within the segment; order of arrival in each.
    private(set) var collectors: [Int: RowCollector] = [:]
    private var missing: [LedgerEntry] = []
    private var marks = ClockMarks()
    /// What it opens with; nil before that is read, or if it is damaged.
    private(set) var openedWith: [Cursor]?
    private(set) var cursors = CursorTable()

    init(file: ArchiveFile, follower: JournalFollower) {
        self.file = file
        self.follower = follower
    }

    /// Takes in one event; returns the newest time of the rows in it.
    mutating func note(_ event: JournalEvent) {
        switch event {
        case .opening(_, _, _, let cursors):
            if openedWith == nil { openedWith = cursors }
            for cursor in cursors { self.cursors.merge(cursor) }
        case .blocks(let record):
            collectors[
                record.timeline,
                default: RowCollector(instance: record.instance, feed: record.feed)
            ].append(record)
            marks.note(record)
        case .ledger(let entry) where entry.kind == .clock: marks.note(entry)
        case .ledger(let entry):
            missing.append(entry)
            cursors.settle(entry)
        case .unreadable(let instance, let epoch, let position, let received, let reason, _):
            missing.append(
                LedgerEntry(
                    unreadable: reason,
                    instance: instance,
                    epoch: epoch,
                    position: position,
                    received: received
                )
            )
        case .progress(let cursor, _): cursors.merge(cursor)
        case .declaration, .damage: break
        }
    }

    /// Leaves out what lies beyond the opening of the next segment, which has it again.
    mutating func cut(at next: [Cursor]) {
        let limit = CursorTable(next)
        missing.removeAll { !limit.covers($0) }
        marks.cut(at: limit)
        for key in collectors.keys {
            guard let instance = collectors[key]?.instance else { continue }
            collectors[key]?.filter {
                $0.position <= limit[instance, $0.epoch]?.position ?? 0
            }
        }
    }

    /// What is missing, and what was dated by a clock that was off.
    var ledger: [LedgerEntry] { missing + marks.entries }

    /// The collectors of one timeline, in the order of their declarations.
    func collectors(of instance: String, feed: String) -> [RowCollector] {
        collectors.sorted { $0.key < $1.key }.map(\.value).filter {
            $0.instance == instance && $0.feed.name == feed
        }
    }
}

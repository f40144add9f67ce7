internal import ArchiveFormat
internal import Telemetry

/// What a segment holds beside rows.
struct SealingPlan {
    private(set) var archive = ""
    private(set) var opened: Timestamp?
    private(set) var received: Timestamp?
    private(set) var before = CursorTable()
    /// How far the archive has come behind the segment, once it is read.
    var cursors: CursorTable
    private var missing: [LedgerEntry] = []
    private var marks = ClockMarks()
    private(set) var damage: [String] = []
    private var declarations: [CursorTable.Key: [Int64: KeptDeclaration]] = [:]
    private var hasStart: Bool

    /// A plan for a segment before which the archive had come to `start`, where that is known.
    init(start: [Cursor]? = nil) {
        before = CursorTable(start ?? [])
        cursors = before
        hasStart = start != nil
    }

    /// Takes note of when the rows of a record say that they are from.
    mutating func note(_ record: JournalBlocks) { marks.note(record) }

    /// Takes note of what the segment holds; rows and unreadable records are not
    /// its business.
    mutating func note(_ event: JournalEvent) {
        switch event {
        case .opening(let archive, _, let created, let cursors):
            if opened == nil {
                opened = created
                self.archive = archive
                // Behind damage it need not be what the segment opens with.
                if damage.isEmpty || !hasStart { before = CursorTable(cursors) }
                hasStart = true
            }
        case .declaration(let kept):
            let key = CursorTable.Key(instance: kept.instance, epoch: kept.epoch)
            declarations[key, default: [:]][kept.revision] = kept
        case .ledger(let entry) where entry.kind == .clock: marks.note(entry)
        case .ledger(let entry):
            missing.append(entry)
        case .progress(_, let received): self.received = received
        case .damage(let range, let reason):
            damage.append("bytes \(range.lowerBound)-\(range.upperBound): \(reason)")
        case .unreadable: break
        }
    }

    /// Enters as missing what the archive had committed and the segment does not show.
    ///
    /// `end` is when the next segment began, nil where that is not known.
    mutating func compare(with next: [Cursor], segment: String, end: Timestamp?) {
        let instant = received ?? opened ?? ArchiveFile(path: segment)?.created
        let from = instant ?? Timestamp(nanoseconds: 0)
        let cause =
            damage.last.map { "damage: \(segment): \($0)" }
            ?? "damage: \(segment) ends before its last commit"
        func row(_ instance: String, _ place: Cursor? = nil, count: Int64? = nil) -> LedgerEntry {
            LedgerEntry(
                instance: instance,
                feed: nil,
                from: from,
                to: max(from, end ?? from),
                count: count,
                cause: cause,
                epoch: place?.epoch,
                first: place.map { $0.position + 1 }
            )
        }
        var doubtful: Set<String> = []
        for cursor in next {
            let known = cursors[cursor.instance, cursor.epoch]
            let position = known?.position ?? 0
            // What damage took may have said what else is missing at the end of the epoch.
            let isEndLost = cursor.isFinished && known?.isFinished != true && !damage.isEmpty
            guard position < cursor.position || position == cursor.position && isEndLost else {
                continue
            }
            guard known != nil || hasStart else {
                doubtful.insert(cursor.instance)
                continue
            }
            // Now that it is known how many they are.
            missing.removeAll {
                $0.instance == cursor.instance && $0.epoch == cursor.epoch && $0.count == nil
                    && $0.first == position + 1
            }
            if position < cursor.position {
                var before = cursor
                before.position = position
                missing.append(row(cursor.instance, before, count: cursor.position - position))
            }
            if isEndLost { missing.append(row(cursor.instance, cursor)) }
            cursors.merge(cursor)
        }
        // With no opening and no file before, an epoch that is not shown may be an old one, or
        // all of it may have stood here: nobody knows which records are missing.
        missing += doubtful.sorted().map { row($0) }
    }

    /// What is missing, and what was dated by a clock that was off.
    var ledger: [LedgerEntry] { missing + marks.entries }

    /// The declarations of epochs that have not ended.
    var kept: [KeptDeclaration] {
        declarations.filter { cursors.entries[$0.key]?.isFinished != true }
            .flatMap { $0.value.values }
            .sorted { ($0.instance, $0.epoch, $0.revision) < ($1.instance, $1.epoch, $1.revision) }
    }

    /// Whether there is nothing, beside rows, that only this segment tells.
    var isEmpty: Bool { ledger.isEmpty && damage.isEmpty }
}

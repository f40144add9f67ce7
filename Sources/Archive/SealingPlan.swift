internal import ArchiveFormat
internal import Telemetry

/// What a segment holds, and in how many passes its rows fit the memory of a sealer.
struct SealingPlan {
    /// A piece of a timeline, whose rows are held and sorted together.
    struct Part: Hashable {
        let timeline: Int, number: Int
    }

    private var partBytes: [Int: [Int]] = [:]
    private(set) var archive = ""
    private(set) var opened: Timestamp?
    private(set) var received: Timestamp?
    private(set) var before = CursorTable()
    private(set) var cursors = CursorTable()
    private var missing: [LedgerEntry] = []
    private var marks = ClockMarks()
    private(set) var damage: [String] = []
    private var declarations: [CursorTable.Key: [Int64: KeptDeclaration]] = [:]
    private let budget: Int
    private var hasStart: Bool

    /// A plan for a segment before which the archive had come to `start`, where that is known.
    init(budget: Int = Limits.sealing, start: [Cursor]? = nil) {
        self.budget = budget
        before = CursorTable(start ?? [])
        cursors = before
        hasStart = start != nil
    }

    /// Takes note of what the segment holds; unreadable records are not its business.
    mutating func note(_ event: JournalEvent) {
        switch event {
        case .opening(let archive, _, let created, let cursors):
            if opened == nil {
                opened = created
                hasStart = true
                self.archive = archive
                before = CursorTable(cursors)
            }
            for cursor in cursors { self.cursors.merge(cursor) }
        case .declaration(let kept):
            let key = CursorTable.Key(instance: kept.instance, epoch: kept.epoch)
            declarations[key, default: [:]][kept.revision] = kept
        case .blocks(let record):
            add(RowCollector.byteCount(record), to: record.timeline)
            marks.note(record)
        case .ledger(let entry) where entry.kind == .clock: marks.note(entry)
        case .ledger(let entry):
            missing.append(entry)
            cursors.settle(entry)
        case .progress(let cursor, let received):
            cursors.merge(cursor)
            self.received = received
        case .damage(let range, let reason):
            damage.append("bytes \(range.lowerBound)-\(range.upperBound): \(reason)")
        case .unreadable: break
        }
    }

    /// Enters as missing what the archive had committed and the segment does not show.
    mutating func compare(with next: [Cursor], segment: String) {
        for cursor in next {
            let known = cursors[cursor.instance, cursor.epoch]
            let position = known?.position ?? 0
            // With no opening and no file before, an epoch that is not shown may be an old one.
            guard position < cursor.position, known != nil || hasStart else { continue }
            let instant = received ?? opened ?? Timestamp(nanoseconds: 0)
            missing.append(
                LedgerEntry(
                    instance: cursor.instance,
                    feed: nil,
                    from: instant,
                    to: instant,
                    count: cursor.position - position,
                    cause: damage.last.map { "damage: \(segment): \($0)" }
                        ?? "damage: \(segment) ends before its last commit",
                    epoch: cursor.epoch,
                    first: position + 1
                )
            )
            cursors.merge(cursor)
        }
    }

    /// What is missing, and what was dated by a clock that was off.
    var ledger: [LedgerEntry] { missing + marks.entries }

    /// The declarations of epochs that have not ended.
    var kept: [KeptDeclaration] {
        declarations.filter { cursors.entries[$0.key]?.isFinished != true }
            .flatMap { $0.value.values }
            .sorted { ($0.instance, $0.epoch, $0.revision) < ($1.instance, $1.epoch, $1.revision) }
    }

    /// Whether there is anything that only this segment tells.
    var isEmpty: Bool { partBytes.isEmpty && ledger.isEmpty && damage.isEmpty }

    /// The parts of each pass; those of one timeline in order.
    var passes: [Set<Part>] {
        var passes: [Set<Part>] = []
        var bytes = Int.max
        for (timeline, parts) in partBytes.sorted(by: { $0.key < $1.key }) {
            for (number, count) in parts.enumerated() {
                if passes.isEmpty || bytes + count > budget {
                    passes.append([])
                    bytes = 0
                }
                passes[passes.count - 1].insert(Part(timeline: timeline, number: number))
                bytes += count
            }
        }
        return passes
    }

    /// Counts bytes of a timeline and returns the number of the part that they belong to.
    @discardableResult
    mutating func add(_ byteCount: Int, to timeline: Int) -> Int {
        var parts = partBytes[timeline] ?? [0]
        // Half: sorting needs a second copy of a column, and its order.
        if parts[parts.count - 1] > 0, parts[parts.count - 1] + byteCount > budget / 2 {
            parts.append(0)
        }
        parts[parts.count - 1] += byteCount
        partBytes[timeline] = parts
        return parts.count - 1
    }
}

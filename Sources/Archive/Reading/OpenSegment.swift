internal import ArchiveFormat
internal import Telemetry

/// A segment of the journal that no sealed file lists yet, as columns in memory.
struct OpenSegment {
    let file: ArchiveFile
    let follower: JournalFollower
    /// The rows by number of the declaration within the segment.
    private(set) var timelines: [Int: OpenTimeline] = [:]
    /// The declarations of each timeline, by its name, in their order.
    private var numbers: [String: [Int]] = [:]
    /// The bytes that the rows take in memory, about.
    private(set) var byteCount = 0
    private var missing: [LedgerEntry] = []
    private var marks = ClockMarks()
    private var hasDamage = false
    /// What it opens with; nil before that is read, or if it is damaged.
    private(set) var openedWith: [Cursor]?
    private(set) var cursors = CursorTable()
    /// What the next segment opens with: what lies beyond was not committed.
    private(set) var limit: CursorTable?

    init(file: ArchiveFile, follower: JournalFollower) {
        self.file = file
        self.follower = follower
    }

    /// Takes in the rows of one record.
    mutating func note(_ record: JournalBlocks) {
        append(record)
        marks.note(record)
    }

    /// Takes in one event.
    mutating func note(_ event: JournalEvent) {
        switch event {
        case .opening(_, _, _, let cursors):
            // Behind damage it need not be what the segment opens with.
            if openedWith == nil, !hasDamage { openedWith = cursors }
            for cursor in cursors { self.cursors.merge(cursor) }
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
        case .damage: hasDamage = true
        case .declaration: break
        }
    }

    private mutating func append(_ record: JournalBlocks) {
        let place = OpenRecord(epoch: record.epoch, position: record.position)
        if let limit, !place.isCommitted(limit, record.instance) { return }
        if timelines[record.timeline] == nil {
            let timeline = OpenTimeline(instance: record.instance, feed: record.feed)
            timelines[record.timeline] = timeline
            byteCount += timeline.byteCount
            numbers[timeline.name, default: []].append(record.timeline)
        }
        change(record.timeline) { $0.append(record) }
    }

    private mutating func change(_ number: Int, _ body: (inout OpenTimeline) -> Void) {
        guard var timeline = timelines.removeValue(forKey: number) else { return }
        byteCount -= timeline.byteCount
        body(&timeline)
        byteCount += timeline.byteCount
        timelines[number] = timeline
    }

    /// Leaves out what lies beyond the opening of the next segment, which has it again.
    mutating func cut(at next: [Cursor]) throws(ChunkError) {
        let limit = CursorTable(next)
        self.limit = limit
        missing.removeAll { !limit.covers($0) }
        marks.cut(at: limit)
        for number in timelines.keys { try timelines[number]?.cut(at: limit) }
        byteCount = timelines.values.reduce(0) { $0 + $1.byteCount }
    }

    /// Encodes all rows.
    mutating func encode() {
        for number in Array(timelines.keys) { change(number) { $0.encodeTail() } }
    }

    /// Leaves so many bytes of encoded rows to the journal, the oldest first.
    mutating func forget(_ bytes: Int) {
        let most = byteCount - bytes
        let oldest = timelines.flatMap { number, timeline in
            timeline.chunks.map { (made: $0.number, number) }
        }.sorted { $0.made < $1.made }
        for (_, number) in oldest where byteCount > most { change(number) { $0.forgetOldest() } }
    }

    /// What is missing, and what was dated by a clock that was off.
    var ledger: [LedgerEntry] { missing + marks.entries }

    /// The rows of one timeline, in the order of their declarations.
    func timelines(named name: String) -> [OpenTimeline] {
        (numbers[name] ?? []).compactMap { timelines[$0] }
    }
}

internal import ArchiveFormat
internal import Telemetry

/// The rows of one pass over a segment: as many timelines as fit the memory of a sealer.
///
/// Timelines are cut into parts, whose rows are held and sorted together. A pass takes the parts in
/// order, from where the one before ended; what turns out not to fit is left for the next one. So
/// a segment that fits is read once.
struct SealingPass {
    /// A piece of a timeline, in the order of the sealed file.
    struct Part: Hashable, Comparable {
        let timeline: Int, number: Int

        static func < (left: Part, right: Part) -> Bool {
            (left.timeline, left.number) < (right.timeline, right.number)
        }
    }

    /// Where the next pass begins; nil where this one has all.
    private(set) var end: Part?
    /// The most bytes that were held, as they are counted.
    private(set) var mostBytes = 0
    private let start: Part
    private let budget: Int
    /// What is known of a part: its bytes, and its rows where this pass has them.
    private struct Held {
        let part: Part
        private(set) var bytes = 0
        var rows: RowCollector?

        init(_ part: Part, rows: RowCollector?) {
            self.part = part
            self.rows = rows
        }

        /// Takes in the rows of a record, or only counts them; returns whether it has them.
        mutating func take(_ record: JournalBlocks, _ cost: Int) -> Bool {
            bytes += cost
            return rows?.collect(record) != nil
        }
    }

    /// All parts, as they began.
    private var parts: [Held] = []
    /// The place of each timeline's last part there, by the timeline's number; −1 of none.
    private var newest: [Int] = []
    /// Bytes of all that are held.
    private var heldBytes = 0

    /// A pass that begins at `start` and holds at most `budget` bytes, or one part.
    init(from start: Part = Part(timeline: 0, number: 0), budget: Int) {
        self.start = start
        self.budget = budget
    }

    /// Whether nothing was seen, in this pass or another.
    var isEmpty: Bool { parts.isEmpty }

    /// Takes in the rows of a record, if they belong to this pass.
    mutating func take(_ record: JournalBlocks) {
        while newest.count <= record.timeline { newest.append(-1) }
        var place = newest[record.timeline]
        var cost = RowCollector.byteCount(record)
        // Half: a part that is sorted needs its order, its times and a group of rows once more.
        if place < 0 || parts[place].bytes + cost > budget / 2 {
            place = begin(with: record, behind: place)
            cost += RowCollector.byteCount(of: record.feed) + WaitingRows.longest
        }
        guard parts[place].take(record, cost) else { return }
        heldBytes += cost
        while heldBytes > budget, leaveLast() {}
        mostBytes = max(mostBytes, heldBytes)
    }

    /// Begins a part of the record's timeline, behind the one at `place`; returns its place.
    private mutating func begin(with record: JournalBlocks, behind place: Int) -> Int {
        let number = place < 0 ? 0 : parts[place].part.number + 1
        let part = Part(timeline: record.timeline, number: number)
        let isOurs = part >= start && end.map { part < $0 } ?? true
        let rows = isOurs ? RowCollector(instance: record.instance, feed: record.feed) : nil
        newest[record.timeline] = parts.count
        parts.append(Held(part, rows: rows))
        return parts.count - 1
    }

    /// Leaves the last part that is held for the next pass; false where it is the only one.
    private mutating func leaveLast() -> Bool {
        let held = parts.indices.filter { parts[$0].rows != nil }
        guard held.count > 1, let last = held.max(by: { parts[$0].part < parts[$1].part }) else {
            return false
        }
        parts[last].rows = nil
        heldBytes -= parts[last].bytes
        end = parts[last].part
        return true
    }

    /// Adds all that is held to a sealed file, in order, and lets go of it piece by piece.
    mutating func add(to builder: inout SealedFileBuilder) throws {
        for place in parts.indices.sorted(by: { parts[$0].part < parts[$1].part }) {
            guard var rows = parts[place].rows.take() else { continue }
            rows.settle()
            try rows.add(to: &builder)
        }
    }
}

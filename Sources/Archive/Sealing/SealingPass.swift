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
        private(set) var bytes = 0
        var rows: RowCollector?

        /// Takes in the rows of a record, or only counts them.
        mutating func take(_ record: JournalBlocks, _ cost: Int, isHeld: Bool) {
            if isHeld, bytes == 0 {
                rows = RowCollector(instance: record.instance, feed: record.feed)
            }
            bytes += cost
            if isHeld { rows?.append(record) }
        }
    }

    /// The parts, timelines by number, parts by number.
    private var parts: [[Held]] = []
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
        while parts.count <= record.timeline { parts.append([Held()]) }
        let timeline = record.timeline
        var number = parts[timeline].count - 1
        var cost = RowCollector.byteCount(record)
        let before = parts[timeline][number].bytes
        // Half: a part that is sorted needs its order, its times and a group of rows once more.
        if before > 0, before + cost > budget / 2 {
            parts[timeline].append(Held())
            number += 1
        }
        let isNew = parts[timeline][number].bytes == 0
        if isNew { cost += RowCollector.byteCount(of: record.feed) }
        let part = Part(timeline: timeline, number: number)
        let isOurs = part >= start && end.map { part < $0 } ?? true
        parts[timeline][number].take(record, cost, isHeld: isOurs)
        guard isOurs else { return }
        heldBytes += cost
        while heldBytes > budget, leaveLast() {}
        mostBytes = max(mostBytes, heldBytes)
    }

    /// Leaves the last part that is held for the next pass; false where it is the only one.
    private mutating func leaveLast() -> Bool {
        var count = 0
        var last: Part?
        for timeline in parts.indices.reversed() {
            for number in parts[timeline].indices.reversed()
            where parts[timeline][number].rows != nil {
                count += 1
                if last == nil { last = Part(timeline: timeline, number: number) }
                if count == 2, let last {
                    parts[last.timeline][last.number].rows = nil
                    heldBytes -= parts[last.timeline][last.number].bytes
                    end = last
                    return true
                }
            }
        }
        return false
    }

    /// Adds all that is held to a sealed file, in order, and lets go of it piece by piece.
    mutating func add(to builder: inout SealedFileBuilder) throws {
        for timeline in parts.indices {
            for number in parts[timeline].indices {
                guard let rows = parts[timeline][number].rows.take() else { continue }
                try rows.add(to: &builder)
            }
        }
    }
}

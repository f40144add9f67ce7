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
    /// The rows of each part: timelines by number, parts by number.
    private var held: [[RowCollector?]] = []
    /// Bytes of each part, held or not, and of all that are held.
    private var bytes: [[Int]] = [], heldBytes = 0

    /// A pass that begins at `start` and holds at most `budget` bytes, or one part.
    init(from start: Part = Part(timeline: 0, number: 0), budget: Int) {
        self.start = start
        self.budget = budget
    }

    /// Whether nothing was seen, in this pass or another.
    var isEmpty: Bool { bytes.isEmpty }

    /// Takes in the rows of a record, if they belong to this pass.
    mutating func take(_ record: JournalBlocks) {
        let timeline = record.timeline
        while bytes.count <= timeline {
            bytes.append([0])
            held.append([nil])
        }
        let cost = RowCollector.byteCount(record)
        // Half: a part that is sorted needs its order, its times and a group of rows once more.
        var number = bytes[timeline].count - 1
        if bytes[timeline][number] > 0, bytes[timeline][number] + cost > budget / 2 {
            bytes[timeline].append(0)
            held[timeline].append(nil)
            number += 1
        }
        let part = Part(timeline: timeline, number: number)
        let isNew = bytes[timeline][number] == 0
        let whole = cost + (isNew ? RowCollector.byteCount(of: record.feed) : 0)
        bytes[timeline][number] += whole
        guard part >= start, end.map({ part < $0 }) ?? true else { return }
        if isNew {
            held[timeline][number] = RowCollector(instance: record.instance, feed: record.feed)
        }
        held[timeline][number]?.append(record)
        heldBytes += whole
        while heldBytes > budget, leaveLast() {}
        mostBytes = max(mostBytes, heldBytes)
    }

    /// Leaves the last part that is held for the next pass; false where it is the only one.
    private mutating func leaveLast() -> Bool {
        var parts = 0
        var last: Part?
        for timeline in held.indices.reversed() {
            for number in held[timeline].indices.reversed() where held[timeline][number] != nil {
                parts += 1
                if last == nil { last = Part(timeline: timeline, number: number) }
                if parts == 2, let last {
                    held[last.timeline][last.number] = nil
                    heldBytes -= bytes[last.timeline][last.number]
                    end = last
                    return true
                }
            }
        }
        return false
    }

    /// Adds all that is held to a sealed file, in order, and lets go of it piece by piece.
    mutating func add(to builder: inout SealedFileBuilder) throws {
        for timeline in held.indices {
            for number in held[timeline].indices {
                guard let collector = held[timeline][number] else { continue }
                held[timeline][number] = nil
                try collector.add(to: &builder)
            }
        }
    }
}

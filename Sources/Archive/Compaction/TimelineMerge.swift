internal import ArchiveFormat
internal import Telemetry

/// A timeline of one source, as it takes part in a merge.
struct MergedPiece {
    let file: SealedFile, timeline: SealedTimeline
}

/// Rows of one group of a source that follow each other in the merged timeline.
struct RowRun {
    /// Which group: the place of the piece among the pieces, and of the group in its timeline.
    struct Place: Hashable {
        let piece: Int, group: Int
    }

    let place: Place
    let rows: Range<Int>
}

/// The rows of some pieces as one timeline: by time, equal times by the order of the pieces.
///
/// Each piece is in order itself, so that of each at most the times of one group are in memory.
struct TimelineMerge {
    private struct Head {
        var group = 0
        var row = 0
        /// The times of the group, once rows of it were looked at.
        var times: [Int64]?
    }

    let pieces: [MergedPiece]
    private var heads: [Head]

    init(_ pieces: [MergedPiece]) {
        self.pieces = pieces
        heads = pieces.map { _ in Head() }
    }

    /// A group of the pieces.
    func group(_ place: RowRun.Place) -> SealedGroup {
        pieces[place.piece].timeline.groups[place.group]
    }

    /// The next rows that stand together in one group, and their times; nil at the end.
    ///
    /// Of a whole group that stands alone the times are nil: nobody had to look at them.
    mutating func next() throws(ArchiveError) -> (run: RowRun, times: ArraySlice<Int64>?)? {
        var least: (time: Int64, piece: Int)?
        var second: (time: Int64, piece: Int)?
        for piece in heads.indices {
            guard let time = nextTime(of: piece) else { continue }
            if let known = least, known <= (time, piece) {
                if let other = second, other <= (time, piece) { continue }
                second = (time, piece)
            } else {
                second = least
                least = (time, piece)
            }
        }
        guard let (_, piece) = least else { return nil }
        let place = RowRun.Place(piece: piece, group: heads[piece].group)
        let group = group(place)
        let start = heads[piece].row
        func isBefore(_ time: Int64) -> Bool { second.map { (time, piece) < $0 } ?? true }
        if start == 0, isBefore(group.last.nanoseconds) {
            let times = heads[piece].times
            advance(piece, to: group.rows, of: group)
            return (RowRun(place: place, rows: 0..<group.rows), times?[...])
        }
        let times: [Int64]
        if let known = heads[piece].times {
            times = known
        } else {
            times = try self.times(of: place)
        }
        heads[piece].times = times
        let rest = times[start...]
        let end = rest.partitioningIndex { !isBefore($0) }
        advance(piece, to: end, of: group)
        return (RowRun(place: place, rows: start..<end), times[start..<end])
    }

    /// The times of a group, in order.
    func times(of place: RowRun.Place) throws(ArchiveError) -> [Int64] {
        let piece = pieces[place.piece]
        let group = group(place)
        let times = try piece.file.times(of: group, in: piece.timeline)
        guard times.first == group.first.nanoseconds, times.last == group.last.nanoseconds,
            stableOrder(times) == nil
        else {
            throw .chunk(
                path: piece.file.path,
                offset: group.times.offset,
                of: "times of \(piece.timeline.instance).\(piece.timeline.feed.name)",
                .contents("they are not in order, or not those that the footer says")
            )
        }
        return times
    }

    private func nextTime(of piece: Int) -> Int64? {
        let head = heads[piece]
        let groups = pieces[piece].timeline.groups
        guard head.group < groups.count else { return nil }
        return head.times.map { $0[head.row] } ?? groups[head.group].first.nanoseconds
    }

    private mutating func advance(_ piece: Int, to row: Int, of group: SealedGroup) {
        heads[piece].row = row
        guard row == group.rows else { return }
        heads[piece] = Head(group: heads[piece].group + 1)
    }
}

extension ArraySlice<Int64> {
    /// The first place from which on `isBehind` holds.
    fileprivate func partitioningIndex(_ isBehind: (Int64) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

internal import ArchiveFormat
internal import Telemetry

/// A group of a file that compaction makes.
enum MergedGroup {
    /// A group of a source as it is: the chunks are copied.
    case kept(SealedGroup, of: MergedPiece)
    /// Rows, decoded.
    case rows(DecodedRows)
}

/// Some rows of a timeline: times in order, a column for each field, and how late they came.
struct DecodedRows {
    var times: [Int64]
    var columns: [Column]
    var delays: (shortest: Int64, longest: Int64)

    /// Some of the rows.
    subscript(rows: Range<Int>) -> DecodedRows {
        guard rows != times.indices else { return self }
        return DecodedRows(
            times: Array(times[rows]),
            columns: columns.map { column in
                var builder = ColumnBuilder(column.type)
                builder.append(column, rows: rows)
                return builder.column
            },
            delays: delays
        )
    }
}

/// Which groups of the sources become groups of the new file as they are.
enum GroupKeeping {
    /// All that nothing overlaps: the one source is a compacted file.
    case all
    /// Those that are large enough already.
    case large
    /// None: their rows may be removed.
    case none
}

/// Cuts a merged timeline into groups, one after the other.
///
/// In memory are the rows of one group, whose number is bounded by what they take, and the
/// times of the groups that are being merged.
struct MergedGroups {
    private let feed: Feed
    private var merge: TimelineMerge
    private let keeping: GroupKeeping
    private let mostRows: Int, mostTextGroups: Int
    private var runs: [RowRun] = []
    private var touched: Set<RowRun.Place> = []
    private var times: [Int64] = []
    private var jumps = 1
    private var lastTime: Int64?
    /// Groups that are done and were not asked for yet.
    private var ready: [MergedGroup] = []
    private var isAtEnd = false

    /// The groups of `pieces`, which all have the declaration `feed`; `budget` is how many bytes
    /// the rows of one may take.
    init(_ pieces: [MergedPiece], feed: Feed, keeping: GroupKeeping, budget: Int) {
        self.feed = feed
        self.keeping = keeping
        merge = TimelineMerge(pieces)
        let widths = feed.fields.map { $0.type == .bool ? 1 : $0.type == .string ? 64 : 8 }
        mostRows = max(1, min(SealedLimits.rowsPerGroup, budget / widths.reduce(8, +)))
        let texts = feed.fields.count { $0.type == .string }
        mostTextGroups = texts == 0 ? .max : max(1, budget / texts / SealedLimits.textBytesPerChunk)
    }

    /// The next group; nil at the end.
    mutating func next() throws(ArchiveError) -> MergedGroup? {
        while ready.isEmpty, !isAtEnd {
            guard let (run, times) = try merge.next() else {
                isAtEnd = true
                try flush()
                break
            }
            try take(run, times)
        }
        return ready.isEmpty ? nil : ready.removeFirst()
    }

    private mutating func take(_ run: RowRun, _ known: ArraySlice<Int64>?) throws(ArchiveError) {
        let group = merge.group(run.place)
        if run.rows.count == group.rows, isKept(group) {
            try flush()
            _ = isJump(before: group.first.nanoseconds)
            ready.append(.kept(group, of: merge.pieces[run.place.piece]))
            lastTime = group.last.nanoseconds
            return
        }
        let all: [Int64]
        if let known { all = Array(known) } else { all = try merge.times(of: run.place) }
        var start = 0
        for place in all.indices {
            let isCut = isJump(before: all[place])
            let isFull = times.count + place - start >= mostRows
            if isCut || isFull {
                append(run, all, start..<place)
                try flush()
                start = place
            }
            lastTime = all[place]
        }
        append(run, all, start..<all.count)
        if touched.count >= mostTextGroups { try flush() }
    }

    /// Whether a group ends before a row at `time`, since it comes more than an hour later.
    private mutating func isJump(before time: Int64) -> Bool {
        guard let lastTime else { return false }
        let (gap, overflow) = time.subtractingReportingOverflow(lastTime)
        guard overflow || gap > Limits.runGap, jumps < SealedLimits.runsPerTimeline else {
            return false
        }
        jumps += 1
        return true
    }

    /// Whether a whole group stays as it is: half a chunk is a chunk, unless version 1 wrote it.
    private func isKept(_ group: SealedGroup) -> Bool {
        guard keeping == .large else { return keeping == .all }
        return group.rows >= min(mostRows, SealedLimits.rowsPerGroup) / 2
            && group.rollups.allSatisfy { $0.rows != nil }
            && ([group.times] + group.columns.map(\.chunk)).allSatisfy {
                $0.encoding != ChunkEncoding.deltaZstd.rawValue
            }
    }

    private mutating func append(_ run: RowRun, _ all: [Int64], _ rows: Range<Int>) {
        guard !rows.isEmpty else { return }
        let first = run.rows.lowerBound
        runs.append(
            RowRun(
                place: run.place,
                rows: (first + rows.lowerBound)..<(first + rows.upperBound)
            )
        )
        touched.insert(run.place)
        times += all[rows]
    }

    /// Ends the group that is being filled.
    private mutating func flush() throws(ArchiveError) {
        guard !runs.isEmpty else { return }
        var delays = (shortest: Int64.max, longest: Int64.min)
        for place in touched {
            let group = merge.group(place)
            delays.shortest = min(delays.shortest, group.shortestDelay)
            delays.longest = max(delays.longest, group.longestDelay)
        }
        var columns: [Column] = []
        for field in feed.fields.indices { columns.append(try column(field)) }
        let rows = DecodedRows(times: times, columns: columns, delays: delays)
        ready += rows.pieces.map { .rows($0) }
        runs = []
        touched = []
        times = []
    }

    /// The values of one field in the runs; each chunk is decoded once.
    private func column(_ field: Int) throws(ArchiveError) -> Column {
        var builder = ColumnBuilder(feed.fields[field].type)
        var decoded: [RowRun.Place: Column] = [:]
        for run in runs {
            if let known = decoded[run.place] {
                builder.append(known, rows: run.rows)
                continue
            }
            let column = try column(field, run.place)
            decoded[run.place] = column
            builder.append(column, rows: run.rows)
        }
        return builder.column
    }

    private func column(_ field: Int, _ place: RowRun.Place) throws(ArchiveError) -> Column {
        let piece = merge.pieces[place.piece]
        let group = merge.group(place)
        return try piece.file.column(
            group.columns[field].chunk,
            feed.fields[field].type,
            rows: group.rows,
            of: "\(piece.timeline.instance).\(feed.name).\(feed.fields[field].name)"
        )
    }
}

extension DecodedRows {
    /// The rows in pieces whose texts fit a chunk.
    fileprivate var pieces: [DecodedRows] {
        let isTooLong = columns.contains { column in
            guard case .strings(let values) = column.values else { return false }
            let bytes = values.reduce(0) { $0 + $1.utf8.count }
            return bytes > SealedLimits.textBytesPerChunk
        }
        guard isTooLong, times.count > 1 else { return [self] }
        let middle = times.count / 2
        return self[0..<middle].pieces + self[middle..<times.count].pieces
    }
}

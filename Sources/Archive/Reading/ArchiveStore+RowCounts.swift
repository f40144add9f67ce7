internal import ArchiveFormat
internal import Log
public import Telemetry

/// How many rows of one timeline lie between some instants.
public struct RowCounts: Hashable, Sendable {
    /// Whose timeline it is.
    public var instance: String
    /// The newest declaration of the feed among those rows.
    public var feed: Feed
    /// N counts between N + 1 instants.
    public var rows: [Int64]

    /// Counts of one timeline.
    public init(instance: String, feed: Feed, rows: [Int64]) {
        self.instance = instance
        self.feed = feed
        self.rows = rows
    }

    /// The name of the timeline, `instance.feed`.
    public var timeline: String { "\(instance).\(feed.name)" }
}

extension ArchiveStore {
    /// How many rows of each timeline lie between one of `edges` and the next.
    ///
    /// `edges` are N + 1 ≥ 2 instants in increasing order. A timeline without rows between them is
    /// not in the answer, nor one that `isWanted` (`instance.feed`) refuses.
    ///
    /// The index alone answers for what lies between two edges in one piece; of the rest the
    /// timestamps are read, and nothing else.
    public func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(ArchiveError) -> [RowCounts] {
        try restarting { () throws(ArchiveError) in try counted(edges, isWanted) }
    }

    private func counted(
        _ edges: [Timestamp],
        _ isWanted: (String) -> Bool
    ) throws(ArchiveError) -> [RowCounts] {
        guard let first = edges.first, let last = edges.last, first < last else { return [] }
        let (spans, open) = try withState { state throws(ArchiveError) in
            (
                try index.spans(in: first..<last),
                state.segments.flatMap { segment in
                    segment.timelines.sorted { $0.key < $1.key }.map(\.value)
                        .filter { isWanted($0.name) }
                        .map { ($0, RowSource.sources($0, segment, in: first..<last)) }
                }
            )
        }
        let grid = CountingGrid(edges)
        var counts: [String: RowCounts] = [:]
        func add(_ rows: [Int64], _ instance: String, _ feed: Feed) {
            guard rows.contains(where: { $0 > 0 }) else { return }
            let name = "\(instance).\(feed.name)"
            let before = counts[name]?.rows ?? grid.none
            let sums = zip(before, rows).map(+)
            counts[name] = RowCounts(instance: instance, feed: feed, rows: sums)
        }
        for span in spans where isWanted("\(span.instance).\(span.feed.name)") {
            add(try rows(of: span, grid), span.instance, span.feed)
        }
        for (timeline, sources) in open {
            for source in sources {
                add(try rows(of: source, grid), timeline.instance, timeline.feed)
            }
        }
        return counts.values.sorted { $0.timeline < $1.timeline }
    }

    private func rows(
        of span: CountedSpan,
        _ grid: CountingGrid
    ) throws(ArchiveError) -> [Int64] {
        var rows = grid.none
        if let place = grid.place(of: span.place.first, span.place.last) {
            rows[place] = span.rows
            return rows
        }
        guard let (file, timeline) = try open(span.place) else { return rows }
        for group in timeline.groups
        where group.first < grid.end && group.last >= grid.start {
            if let place = grid.place(of: group.first, group.last) {
                rows[place] += Int64(group.rows)
                continue
            }
            guard let values = times(of: group, timeline, file, span.place.path) else { continue }
            rows = zip(rows, grid.counts(of: values)).map(+)
        }
        return rows
    }

    private func rows(
        of source: RowSource,
        _ grid: CountingGrid
    ) throws(ArchiveError) -> [Int64] {
        if case .chunk(let chunk, _) = source,
            let place = grid.place(of: chunk.span.first, chunk.span.last)
        {
            var rows = grid.none
            rows[place] = Int64(chunk.span.rows)
            return rows
        }
        var rows = grid.none
        for piece in try pieces([source], [], grid.start..<grid.end) {
            rows = zip(rows, grid.counts(of: Array(piece.times[piece.rows]))).map(+)
        }
        return rows
    }
}

/// N + 1 instants, and the N ranges between them.
struct CountingGrid {
    private let edges: [Int64]

    /// A grid of at least two instants, in increasing order.
    init(_ edges: [Timestamp]) {
        self.edges = edges.map(\.nanoseconds)
    }

    var start: Timestamp { Timestamp(nanoseconds: edges[0]) }
    var end: Timestamp { Timestamp(nanoseconds: edges[edges.count - 1]) }

    /// N zeros.
    var none: [Int64] { Array(repeating: 0, count: edges.count - 1) }

    /// The range that holds all from `first` to `last`, nil if none alone does.
    func place(of first: Timestamp, _ last: Timestamp) -> Int? {
        guard first >= start, last < end else { return nil }
        let place = self.place(of: first.nanoseconds)
        return last.nanoseconds < edges[place + 1] ? place : nil
    }

    /// How many of the times lie in each range.
    func counts(of times: [Int64]) -> [Int64] {
        var counts = none
        var place = 0
        for time in times where time >= edges[0] && time < edges[edges.count - 1] {
            // Times come nearly in order: mostly it is the range of the one before.
            if time < edges[place] || time >= edges[place + 1] { place = self.place(of: time) }
            counts[place] += 1
        }
        return counts
    }

    /// The range that holds `time`, which lies between the first edge and the last.
    private func place(of time: Int64) -> Int {
        var (low, high) = (0, edges.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if edges[middle] <= time { low = middle } else { high = middle }
        }
        return low
    }
}

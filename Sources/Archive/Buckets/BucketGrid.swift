public import Telemetry
internal import ArchiveFormat

/// The buckets of a range: at most as many as were asked for, or between given edges.
///
/// Edges of a grid that was asked for by count are whole multiples of the width since 1970, so that
/// a plot that moves along keeps its buckets and only the outermost change; with one bucket, the
/// range itself. A width of about half a minute or more becomes whole minutes, of about half an
/// hour or more whole hours, for which roll-ups are there; so there are at least half as many as
/// might be.
public struct BucketGrid: Sendable {
    /// How long a bucket is, in nanoseconds; between given edges, the shortest.
    ///
    /// Those at both ends are cut to the range.
    public let width: Int64
    /// How long the longest one is.
    let mostWidth: Int64
    /// Where the buckets begin and the last one ends.
    private var edges: [Int64]
    /// The first edge before it was cut to the range; nil where all edges were given.
    private let origin: Int64?

    /// The grid that covers `range`, which lies within 1970–2200 and is not empty, with at most
    /// `count` ≥ 1 buckets.
    public init(_ range: Range<Timestamp>, count: Int) {
        let (start, end) = (range.lowerBound.nanoseconds, range.upperBound.nanoseconds)
        // With n - 1 widths in the range, it touches at most n.
        let parts = Int64(max(1, count - 1))
        width = count == 1 ? end - start : Self.rounded((end - start - 1) / parts + 1)
        mostWidth = width
        let origin = count == 1 ? start : start / width * width
        self.origin = origin
        edges = [start]
        var next = origin
        while end - next > width {
            next += width
            edges.append(next)
        }
        edges.append(end)
    }

    /// The grid with these edges, which do not move.
    ///
    /// At least two, not decreasing, within 1970–2200, the first below the last. A bucket between
    /// equal edges holds nothing.
    public init(edges: [Timestamp]) {
        self.edges = edges.map(\.nanoseconds)
        origin = nil
        let widths = zip(self.edges, self.edges.dropFirst()).map { $1 - $0 }.filter { $0 > 0 }
        width = widths.min() ?? 0
        mostWidth = widths.max() ?? 0
    }

    private static func rounded(_ width: Int64) -> Int64 {
        for tier in [RollupTier.hour, .minute] where width >= tier.nanoseconds / 2 {
            let parts = (width - 1) / tier.nanoseconds + 1
            return parts * tier.nanoseconds
        }
        return width
    }

    /// From the start of the first bucket to the end of the last.
    public var range: Range<Timestamp> {
        Timestamp(nanoseconds: start)..<Timestamp(nanoseconds: end)
    }

    /// How many buckets there are, empty ones too.
    public var count: Int { edges.count - 1 }

    /// Where the first bucket begins and the last one ends, in nanoseconds.
    var start: Int64 { edges[0] }
    var end: Int64 { edges[edges.count - 1] }

    /// The start and the end of a bucket.
    public subscript(bucket: Int) -> Range<Timestamp> {
        Timestamp(nanoseconds: edges[bucket])..<Timestamp(nanoseconds: edges[bucket + 1])
    }

    /// The bucket that holds an instant, in nanoseconds; nil outside of the range.
    public func bucket(at instant: Int64) -> Int? {
        guard instant >= edges[0], instant < edges[edges.count - 1] else { return nil }
        guard let origin else { return edges.partitioningIndex { $0 > instant } - 1 }
        var bucket = min(Int((instant - origin) / width), count - 1)
        while instant < edges[bucket] { bucket -= 1 }
        while instant >= edges[bucket + 1] { bucket += 1 }
        return bucket
    }

    /// The one bucket that holds all from `first` to `last`; nil if none does.
    func bucket(from first: Int64, to last: Int64) -> Int? {
        guard let bucket = bucket(at: first), last < edges[bucket + 1] else { return nil }
        return bucket
    }

    /// The nanoseconds of a bucket.
    func bounds(_ bucket: Int) -> Range<Int64> { edges[bucket]..<edges[bucket + 1] }

    /// Moves the edge between two buckets out of a stretch from `first` to `last` that lies across
    /// it, and across no other, to the nearer end; returns the bucket that has the stretch then.
    ///
    /// Nil if it lies otherwise, or is longer than a bucket, or the edges were given.
    mutating func moveEdge(outOf first: Int64, _ last: Int64) -> Int? {
        guard origin != nil, last - first < width, let left = bucket(at: first), left + 2 <= count,
            last >= edges[left + 1], last < edges[left + 2]
        else { return nil }
        let (before, behind) = (edges[left + 1] - first, last - edges[left + 1])
        let mayBegin = first > edges[left]
        let mayEnd = last + 1 < edges[left + 2]
        guard mayBegin || mayEnd else { return nil }
        let begins = mayBegin && (before <= behind || !mayEnd)
        edges[left + 1] = begins ? first : last + 1
        return begins ? left + 1 : left
    }
}

internal import ArchiveFormat
internal import Telemetry

/// Which runs of a timeline the index alone answers, and what has to be read of the rest.
struct BucketPlan {
    /// A run whose file has to be read, for some fields of the question.
    struct Unread {
        let run: SealedRun, place: SealedPlace, arrival: Int
        let declared: BucketReduction.Declared
        var fields: [Int]
    }

    /// What the journal has of one declaration.
    struct Open {
        let sources: [RowSource], arrival: Int
        let declared: BucketReduction.Declared
    }

    private(set) var reduction: BucketReduction
    private(set) var unread: [Unread] = []
    private(set) var open: [Open] = []

    private let runs: [SealedRun]
    /// The place of each run in the order of arrival.
    private let arrivals: [Int]
    private var declared: [Int64: BucketReduction.Declared] = [:]
    /// The bucket of each run that lies in one, after edges were moved.
    private var buckets: [Int?]

    /// Plans for the runs of `feed` of `instance` that overlap `range`, and for what `segments` of
    /// the journal have.
    init(
        _ empty: BucketReduction,
        _ instance: String,
        _ feed: String,
        _ range: Range<Timestamp>,
        _ index: ArchiveIndex,
        _ segments: [OpenSegment]
    ) throws(ArchiveError) {
        reduction = empty
        let runs = try index.runs(instance: instance, feed: feed, range: range)
        self.runs = runs
        let order = runs.indices.sorted { runs[$0].arrived(before: runs[$1]) }
        var arrivals = Array(repeating: 0, count: runs.count)
        for (arrival, run) in order.enumerated() { arrivals[run] = arrival }
        self.arrivals = arrivals
        buckets = Array(repeating: nil, count: runs.count)
        var journal: [ClosedRange<Int64>] = []
        for segment in segments {
            for timeline in segment.timelines(named: "\(instance).\(feed)") {
                let sources = RowSource.sources(timeline, segment, in: range)
                guard !sources.isEmpty, let bounds = timeline.bounds else { continue }
                journal.append(bounds)
                open.append(
                    Open(
                        sources: sources,
                        arrival: runs.count + open.count,
                        declared: reduction.declare(timeline.feed)
                    )
                )
            }
        }
        for run in runs where declared[run.declaration] == nil {
            guard let feed = try index.declaration(run.declaration) else { continue }
            declared[run.declaration] = reduction.declare(feed)
        }
        place(besides: journal)
        try addStatistics(instance, feed, index)
        for run in order where buckets[run] == nil {
            try read(run, fields: empty.names.indices, index)
        }
        unread.sort { $0.arrival < $1.arrival }
    }

    /// Finds the bucket of each run that lies in one; a run that overlaps no other moves the edge
    /// that it lies across.
    private mutating func place(besides journal: [ClosedRange<Int64>]) {
        let isAlone = alone(besides: journal)
        for (index, run) in runs.enumerated() {
            if let bucket = reduction.grid.bucket(from: run.first, to: run.last) {
                buckets[index] = bucket
            } else if isAlone[index] {
                buckets[index] = reduction.grid.moveEdge(outOf: run.first, run.last)
            }
        }
    }

    /// Whether each run shares no instant with another, nor with what the journal has.
    private func alone(besides journal: [ClosedRange<Int64>]) -> [Bool] {
        var isAlone = Array(repeating: true, count: runs.count)
        var furthest: Int?
        for (index, run) in runs.enumerated() {
            guard let before = furthest else {
                furthest = index
                continue
            }
            if run.first <= runs[before].last {
                (isAlone[index], isAlone[before]) = (false, false)
            }
            if run.last > runs[before].last { furthest = index }
        }
        for (index, run) in runs.enumerated() where isAlone[index] {
            isAlone[index] = !journal.contains { $0.overlaps(run.first...run.last) }
        }
        return isAlone
    }

    /// Adds what the index has of the runs that lie in one bucket.
    private mutating func addStatistics(
        _ instance: String,
        _ feed: String,
        _ index: ArchiveIndex
    ) throws(ArchiveError) {
        let placed = runs.indices.filter { buckets[$0] != nil }
        var slots: [Int] = []
        for run in placed {
            guard let bucket = buckets[run], let declared = declared[runs[run].declaration] else {
                continue
            }
            slots.append(reduction.slot(of: bucket))
            reduction.note(
                declared,
                .index,
                arrival: arrivals[run],
                from: runs[run].first,
                to: runs[run].last
            )
        }
        var inexact: [Int: [Int]] = [:]
        for part in parts {
            try index.statistics(
                of: placed.map { runs[$0] },
                instance: instance,
                feed: feed,
                part: part
            ) { number, bytes in
                guard let declared = declared[runs[placed[number]].declaration] else { return }
                for (field, column) in declared.columns.enumerated() {
                    guard let column, column.place / StatisticsPart.fields == part,
                        let found = StatisticsPart.statistics(of: column.place, in: bytes)
                    else { continue }
                    if declared.feed.fields[column.place].type == .int, !found.isExact {
                        inexact[placed[number], default: []].append(field)
                    } else {
                        reduction.add(found, field, declared, slot: slots[number])
                    }
                }
            }
        }
        for (run, fields) in inexact { try read(run, fields: fields, index) }
    }

    /// The parts of statistics that have a field of the question.
    private var parts: [Int] {
        Set(
            declared.values.flatMap { declared in
                declared.columns.compactMap { $0.map { $0.place / StatisticsPart.fields } }
            }
        ).sorted()
    }

    private mutating func read(
        _ run: Int,
        fields: some Sequence<Int>,
        _ index: ArchiveIndex
    ) throws(ArchiveError) {
        guard let declared = declared[runs[run].declaration],
            let place = try index.place(of: runs[run])
        else { return }
        unread.append(
            Unread(
                run: runs[run],
                place: place,
                arrival: arrivals[run],
                declared: declared,
                fields: fields.filter { declared.columns[$0] != nil }
            )
        )
    }
}

extension OpenTimeline {
    /// The first and the last time of all its rows; nil if it has none.
    fileprivate var bounds: ClosedRange<Int64>? {
        let spans = chunks.map(\.span) + (forgotten.rows > 0 ? [forgotten] : [])
        let first = (spans.map(\.first.nanoseconds) + [tail.times.min() ?? .max]).min() ?? .max
        let last = (spans.map(\.last.nanoseconds) + [tail.times.max() ?? .min]).max() ?? .min
        return first <= last ? first...last : nil
    }
}

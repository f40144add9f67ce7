internal import ArchiveFormat
internal import Telemetry

/// Reads one group of a sealed file into buckets: for each stretch of it the coarsest statistics
/// whose samples all lie in one bucket, else the samples.
struct GroupReader {
    let store: ArchiveStore
    let file: SealedFile, timeline: SealedTimeline, group: SealedGroup
    let unread: BucketPlan.Unread

    /// One bucket of a roll-up, whose samples all lie in the bucket of `slot`.
    private struct Covered {
        let rollup: Int, row: Int, slot: Int
    }

    /// What roll-ups answer, and the stretches of time that only samples do.
    private struct Cover {
        var covered: [Covered] = []
        var rest: [ClosedRange<Int64>]
    }

    /// Adds the fields that are unread to the buckets.
    func add(to reduction: inout BucketReduction) {
        let first = max(group.first.nanoseconds, reduction.grid.start)
        let last = min(group.last.nanoseconds, reduction.grid.end - 1)
        guard first <= last else { return }
        if let bucket = reduction.grid.bucket(from: group.first.nanoseconds, to: last),
            last == group.last.nanoseconds
        {
            return addWhole(to: &reduction, slot: reduction.slot(of: bucket))
        }
        let cover = cover(first...last, &reduction)
        let rest = samples(cover.rest, &reduction)
        // Fields that roll-ups do not tell, such as texts, are read from one end to the other.
        var whole: Samples?
        var isRolledUp = false
        for field in unread.fields {
            guard let place = unread.declared.columns[field]?.place else { continue }
            if let found = statistics(of: place, cover.covered) {
                isRolledUp = isRolledUp || !found.isEmpty
                for (covered, statistics) in zip(cover.covered, found) {
                    reduction.add(statistics, field, unread.declared, slot: covered.slot)
                }
                add(rest, field, place, &reduction)
            } else {
                let samples = whole ?? samples([first...last], &reduction)
                whole = samples
                add(samples, field, place, &reduction)
            }
        }
        guard isRolledUp else { return }
        let isHour = cover.covered.contains { group.rollups[$0.rollup].tier == .hour }
        note(isHour ? .hour : .minute, first...last, &reduction)
    }

    /// Adds a group that lies in one bucket.
    private func addWhole(to reduction: inout BucketReduction, slot: Int) {
        let span = group.first.nanoseconds...group.last.nanoseconds
        note(.index, span, &reduction)
        for field in unread.fields {
            guard let place = unread.declared.columns[field]?.place else { continue }
            let found = group.columns[place].statistics
            if isExact(found, place) {
                reduction.add(found, field, unread.declared, slot: slot)
            } else {
                add(samples([span], &reduction), field, place, &reduction)
            }
        }
    }

    /// Which buckets of the roll-ups answer for `span`: of the coarsest tier those that lie in one
    /// bucket of the answer, and of the next one what is left at the ends.
    private func cover(
        _ span: ClosedRange<Int64>,
        _ reduction: inout BucketReduction
    ) -> Cover {
        var cover = Cover(rest: [span])
        let tiers = group.rollups.indices.sorted {
            group.rollups[$0].tier.nanoseconds > group.rollups[$1].tier.nanoseconds
        }
        for rollup in tiers
        where group.rollups[rollup].tier.nanoseconds <= reduction.grid.mostWidth {
            guard let starts = starts(of: group.rollups[rollup]) else { continue }
            var rest: [ClosedRange<Int64>] = []
            for stretch in cover.rest {
                let length = group.rollups[rollup].tier.nanoseconds
                let from = starts.partitioningIndex { $0 > stretch.lowerBound - length }
                for row in from..<starts.count where starts[row] <= stretch.upperBound {
                    // What lies in it cannot lie outside of the group.
                    let first = max(starts[row], group.first.nanoseconds)
                    let last = min(starts[row] + length - 1, group.last.nanoseconds)
                    if first >= stretch.lowerBound, last <= stretch.upperBound,
                        let bucket = reduction.grid.bucket(from: first, to: last)
                    {
                        let slot = reduction.slot(of: bucket)
                        cover.covered.append(Covered(rollup: rollup, row: row, slot: slot))
                    } else {
                        rest.append(
                            max(first, stretch.lowerBound)...min(last, stretch.upperBound)
                        )
                    }
                }
            }
            cover.rest = rest
        }
        return cover
    }

    /// Where the buckets of a roll-up begin; nil if that is damaged: the samples tell the same.
    private func starts(of rollup: SealedRollup) -> [Int64]? {
        guard let column = try? read(rollup.starts, .int, rollup.buckets) else { return nil }
        let starts = column.integers
        // Far from the ends of time nothing overflows.
        let bounds = Int64.min / 2...Int64.max / 2
        return starts.allSatisfy(bounds.contains) ? starts : nil
    }

    /// The statistics of a field in each of `covered`; nil where they do not tell all of it: texts
    /// have none, large integers none that are exact, and some are damaged.
    private func statistics(of place: Int, _ covered: [Covered]) -> [Statistics]? {
        var tables: [Int: [Statistics]] = [:]
        for rollup in Set(covered.map(\.rollup)) {
            let found = try? file.statistics(of: place, in: group.rollups[rollup]) {
                (chunk, type, rows) throws(ArchiveError) in try read(chunk, type, rows)
            }
            guard let found else { return nil }
            tables[rollup] = found.statistics
        }
        let found = covered.compactMap { tables[$0.rollup]?[$0.row] }
        return found.allSatisfy { isExact($0, place) } ? found : nil
    }

    private func isExact(_ statistics: Statistics, _ place: Int) -> Bool {
        timeline.feed.fields[place].type != .int || statistics.isExact
    }

    private func read(
        _ chunk: Chunk,
        _ type: FieldType,
        _ rows: Int
    ) throws(ArchiveError) -> Column {
        let subject = "roll-up of \(timeline.instance).\(timeline.feed.name)"
        return try store.column(chunk, type, rows, file, subject)
    }

    /// The rows of some stretches of time, by buckets.
    private struct Samples {
        let times: [Int64], stretches: [BucketReduction.Stretch]
    }

    private func samples(
        _ spans: [ClosedRange<Int64>],
        _ reduction: inout BucketReduction
    ) -> Samples {
        guard !spans.isEmpty,
            let times = store.times(of: group, timeline, file, unread.place.path)
        else { return Samples(times: [], stretches: []) }
        var stretches: [BucketReduction.Stretch] = []
        for span in spans {
            let from = times.partitioningIndex { $0 >= span.lowerBound }
            let to = times.partitioningIndex { $0 > span.upperBound }
            stretches += reduction.stretches(times, from..<max(from, to))
        }
        if let span = stretches.span(of: times) { note(.raw, span, &reduction) }
        return Samples(times: times, stretches: stretches)
    }

    private func add(
        _ samples: Samples,
        _ field: Int,
        _ place: Int,
        _ reduction: inout BucketReduction
    ) {
        guard !samples.stretches.isEmpty else { return }
        let column = store.values(of: place, in: group, timeline, file, unread.place.path)
        reduction.add(
            column,
            field,
            unread.declared,
            samples.times,
            samples.stretches,
            arrival: unread.arrival
        )
    }

    private func note(
        _ tier: Tier,
        _ span: ClosedRange<Int64>,
        _ reduction: inout BucketReduction
    ) {
        reduction.note(
            unread.declared,
            tier,
            arrival: unread.arrival,
            from: span.lowerBound,
            to: span.upperBound
        )
    }
}

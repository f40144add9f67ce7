internal import ArchiveFormat
internal import Log
internal import Synchronization
internal import Telemetry

// Plots of times whose samples retention has removed: only roll-ups are there.

extension ArchiveStore {
    /// Adds what retention has left at `places` to the buckets.
    ///
    /// Pieces that lie in one bucket count there, whole groups first, then hours, then minutes. A
    /// minute or hour that lies across an edge counts where its first sample may be: nothing finer
    /// is there, and so each sample counts once.
    func addReduced(
        _ places: [ReducedPlace],
        _ range: Range<Timestamp>,
        to reduction: inout BucketReduction,
        _ isStopped: () -> Bool
    ) throws(ArchiveError) {
        for place in places {
            guard let (file, timeline) = try open(place) else { continue }
            let declared = reduction.declare(timeline.exactFeed)
            for group in timeline.groups
            where group.first < range.upperBound && group.last >= range.lowerBound {
                guard !isStopped() else { throw .stopped }
                ReducedReader(
                    store: self,
                    file: file,
                    timeline: timeline,
                    group: group,
                    declared: declared
                ).add(to: &reduction)
            }
        }
    }

    /// The file and the timeline at `place`; nil where it cannot be read, which then is a gap.
    private func open(
        _ place: ReducedPlace
    ) throws(ArchiveError) -> (file: SealedFile, timeline: ReducedTimeline)? {
        let whole = SealedPlace(
            path: place.path,
            file: place.file,
            place: 0,
            first: place.first,
            last: place.last
        )
        guard let file = try openFile(whole) else { return nil }
        let timelines = file.footer.reduced
        return timelines.indices.contains(place.place) ? (file, timelines[place.place]) : nil
    }
}

/// Reads one group without samples into buckets.
private struct ReducedReader {
    let store: ArchiveStore
    let file: SealedFile, timeline: ReducedTimeline, group: ReducedGroup
    let declared: BucketReduction.Declared

    private var first: Int64 { group.first.nanoseconds }
    private var last: Int64 { group.last.nanoseconds }

    func add(to reduction: inout BucketReduction) {
        if let bucket = reduction.grid.bucket(from: first, to: last) {
            let slot = reduction.slot(of: bucket)
            note(.index, &reduction)
            for (index, column) in declared.columns.enumerated() {
                guard let place = column?.place else { continue }
                reduction.add(group.statistics[place], index, declared, slot: slot)
            }
            return
        }
        let hours = group.rollups.first { $0.tier == .hour }
        let minutes = group.rollups.first { $0.tier == .minute }
        let isWide = reduction.grid.width >= RollupTier.hour.nanoseconds
        guard let rollup = isWide ? hours ?? minutes : minutes ?? hours else { return }
        note(rollup.tier == .hour ? .hour : .minute, &reduction)
        for (index, column) in declared.columns.enumerated() {
            guard let place = column?.place else { continue }
            for (start, statistics) in buckets(of: place, in: rollup) {
                guard let bucket = reduction.grid.bucket(at: max(start, first)) else { continue }
                let slot = reduction.slot(of: bucket)
                reduction.add(statistics, index, declared, slot: slot)
            }
        }
    }

    private func note(_ tier: Tier, _ reduction: inout BucketReduction) {
        reduction.note(declared, tier, arrival: 0, from: first, to: last)
    }

    /// The buckets of one field; none where they are damaged, which is a row of the ledger.
    private func buckets(of field: Int, in rollup: SealedRollup) -> [(Int64, Statistics)] {
        let subject = "roll-up of \(timeline.instance).\(timeline.feed.name)"
        do throws(ArchiveError) {
            let found = try file.statistics(of: field, in: rollup) {
                (chunk, type, rows) throws(ArchiveError) in
                try store.column(chunk, type, rows, file, subject)
            }
            return Array(zip(found?.starts ?? [], found?.statistics ?? []))
        } catch {
            enter(error, subject)
            return []
        }
    }

    private func enter(_ error: ArchiveError, _ subject: String) {
        guard case .chunk(_, let offset, _, _) = error,
            let chunk = group.rollups.flatMap(\.chunks).first(where: { $0.offset == offset })
        else { return }
        let path = String(file.path.dropFirst(store.directory.path.count + 1))
        let row = LedgerEntry(
            instance: timeline.instance,
            feed: timeline.feed.name,
            from: group.first,
            to: group.last + .nanoseconds(1),
            count: Int64(group.rows),
            cause: "damage: \(path): chunk at byte \(offset) of \(subject)"
        )
        store.state.withLock { $0.damage.note(chunk, in: path, row: row, mayHeal: true) }
    }
}

extension ReducedTimeline {
    /// The declaration, with doubles in the place of integers that are too large to be exact here.
    fileprivate var exactFeed: Feed {
        let fields = feed.fields.enumerated().map { place, field in
            guard field.type == .int,
                groups.contains(where: { !$0.statistics[place].isExact })
            else { return field }
            return Field(
                field.name,
                .double,
                unit: field.unit,
                description: field.description,
                limits: field.limits
            )
        }
        return Feed(
            feed.name,
            fields: fields,
            period: feed.period,
            description: feed.description,
            lateness: feed.lateness
        )
    }
}

extension ReducedPlace {
    /// What the index knows of each field.
    var summaries: [FieldSummary] {
        feed.fields.map { field in
            FieldSummary(
                name: FieldName(instance: instance, feed: feed.name, field: field.name),
                field: field,
                period: feed.period,
                lateness: feed.lateness,
                first: first,
                last: last,
                count: rows
            )
        }
    }
}

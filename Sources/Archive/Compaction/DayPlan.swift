internal import ArchiveFormat
internal import Telemetry

/// What takes the groups of a new file, one after the other: who writes it, and who compares.
protocol DayOutput {
    /// A timeline begins, with samples or without.
    mutating func begin(_ instance: String, _ feed: Feed, _ epochs: [Int64], isReduced: Bool) throws
    /// A group of the timeline with samples: as it stands in a source, or rows.
    mutating func take(_ group: MergedGroup) throws
    /// Rows that are removed, of which the roll-ups stay, for the timeline without samples.
    mutating func reduce(_ rows: DecodedRows) throws
    /// A group whose samples were removed before.
    mutating func take(_ group: ReducedGroup, of file: SealedFile) throws
}

/// What one file is made from, and in which order.
struct DayPlan {
    /// A timeline of the new file.
    struct Timeline {
        let instance: String, feed: Feed
        var epochs: Set<Int64>
        var pieces: [MergedPiece]
    }

    /// The sources, in order of arrival.
    let sources: [SealedFile]
    private(set) var timelines: [Timeline] = []
    private let retention: DayRetention
    private let budget: Int

    /// A plan for one file of `sources`.
    init(_ sources: [SealedFile], retention: DayRetention, budget: Int) {
        self.sources = sources
        self.retention = retention
        self.budget = budget
        var newest: [String: Int] = [:]
        for file in sources {
            for timeline in file.footer.timelines where !timeline.groups.isEmpty {
                let name = "\(timeline.instance).\(timeline.feed.name)"
                let piece = MergedPiece(file: file, timeline: timeline)
                // Behind another declaration it stays behind: the order tells what arrived later.
                if let place = newest[name], timelines[place].feed == timeline.feed {
                    timelines[place].pieces.append(piece)
                    timelines[place].epochs.formUnion(timeline.epochs)
                    continue
                }
                newest[name] = timelines.count
                timelines.append(
                    Timeline(
                        instance: timeline.instance,
                        feed: timeline.feed,
                        epochs: Set(timeline.epochs),
                        pieces: [piece]
                    )
                )
            }
        }
    }

    /// Gives all groups to `output`, the same each time; the result is what was removed.
    ///
    /// `check` is called before each group and throws where that is to be the end.
    func give(
        to output: inout some DayOutput,
        check: () throws -> Void
    ) throws -> [LedgerEntry] {
        var removed: [LedgerEntry] = []
        for timeline in timelines {
            let fate = retention.fate(of: timeline.instance, timeline.feed.name)
            if fate == .kept {
                try keep(timeline, &output, check)
            } else {
                removed += try reduce(timeline, fate, &output, check)
            }
        }
        for file in sources {
            for timeline in file.footer.reduced {
                removed += try giveReduced(timeline, of: file, &output, check)
            }
        }
        return removed
    }

    private func keep(
        _ timeline: Timeline,
        _ output: inout some DayOutput,
        _ check: () throws -> Void
    ) throws {
        let epochs = timeline.epochs.sorted()
        try output.begin(timeline.instance, timeline.feed, epochs, isReduced: false)
        var groups = groups(timeline, keeping: sources.count == 1 ? .all : .large)
        while let group = try groups.next() {
            try check()
            try output.take(group)
        }
    }

    /// Gives what is pinned, and the roll-ups of the rest if they stay.
    private func reduce(
        _ timeline: Timeline,
        _ fate: DayRetention.Fate,
        _ output: inout some DayOutput,
        _ check: () throws -> Void
    ) throws -> [LedgerEntry] {
        var begun: Set<Bool> = []
        func begin(isReduced: Bool, _ output: inout some DayOutput) throws {
            guard begun.insert(isReduced).inserted else { return }
            let epochs = timeline.epochs.sorted()
            try output.begin(timeline.instance, timeline.feed, epochs, isReduced: isReduced)
        }
        var removed = RemovedIntervals(timeline.instance, timeline.feed.name, fate)
        var groups = groups(timeline, keeping: .none)
        while let group = try groups.next() {
            try check()
            guard case .rows(let rows) = group else { continue }
            for (part, isPinned) in retention.parts(of: rows.times) {
                if isPinned {
                    try begin(isReduced: false, &output)
                    try output.take(.rows(rows[part]))
                    removed.end()
                } else {
                    removed.add(rows.times[part])
                    guard fate == .reduced else { continue }
                    try begin(isReduced: true, &output)
                    try output.reduce(rows[part])
                }
            }
        }
        return removed.entries
    }

    private func giveReduced(
        _ timeline: ReducedTimeline,
        of file: SealedFile,
        _ output: inout some DayOutput,
        _ check: () throws -> Void
    ) throws -> [LedgerEntry] {
        let fate = retention.fate(of: timeline.instance, timeline.feed.name)
        var removed = RemovedIntervals(timeline.instance, timeline.feed.name, .removed)
        var hasBegun = false
        for group in timeline.groups {
            try check()
            guard fate != .removed || retention.isPinned(group.first, group.last) else {
                removed.add(group)
                continue
            }
            removed.end()
            if !hasBegun {
                hasBegun = true
                let epochs = timeline.epochs
                try output.begin(timeline.instance, timeline.feed, epochs, isReduced: true)
            }
            try output.take(group, of: file)
        }
        return removed.entries
    }

    private func groups(_ timeline: Timeline, keeping: GroupKeeping) -> MergedGroups {
        MergedGroups(timeline.pieces, feed: timeline.feed, keeping: keeping, budget: budget)
    }
}

internal import ArchiveFormat
internal import SiteConfig
internal import Telemetry

/// What retention does with the samples of one day.
struct DayRetention {
    /// What becomes of the samples of a feed that are not pinned.
    enum Fate: Hashable {
        /// They stay.
        case kept
        /// Their roll-ups stay.
        case reduced
        /// Nothing stays.
        case removed
    }

    private let settings: RetentionSettings
    /// How old the day is: the time since its end.
    private let age: Duration
    private let pins: [Range<Timestamp>]

    /// Nothing is removed.
    static let none = DayRetention(RetentionSettings(), age: .zero, pins: [])

    /// The retention of a day that ended `age` ago.
    init(_ settings: RetentionSettings, age: Duration, pins: [Pin]) {
        self.settings = settings
        self.age = age
        var joined: [Range<Timestamp>] = []
        for pin in pins.map(\.range).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, pin.lowerBound <= last.upperBound {
                let end = Swift.max(last.upperBound, pin.upperBound)
                joined[joined.count - 1] = last.lowerBound..<end
            } else {
                joined.append(pin)
            }
        }
        self.pins = joined
    }

    /// What becomes of a feed.
    func fate(of instance: String, _ feed: String) -> Fate {
        let rule = settings.rule(for: instance, feed)
        if let rollups = rule.rollups, age >= rollups { return .removed }
        if let raw = rule.raw, age >= raw { return .reduced }
        return .kept
    }

    /// Whether a sample between two times, both included, may be pinned.
    func isPinned(_ first: Timestamp, _ last: Timestamp) -> Bool {
        pins.contains { $0.lowerBound <= last && $0.upperBound > first }
    }

    /// Rows with these times in pieces, each pinned or not.
    func parts(of times: [Int64]) -> [(rows: Range<Int>, isPinned: Bool)] {
        var parts: [(rows: Range<Int>, isPinned: Bool)] = []
        var start = 0
        func add(_ end: Int, _ isPinned: Bool) {
            if end > start { parts.append((start..<end, isPinned)) }
            start = max(start, end)
        }
        for pin in pins {
            add(times.partitioningIndex { $0 >= pin.lowerBound.nanoseconds }, false)
            add(times.partitioningIndex { $0 >= pin.upperBound.nanoseconds }, true)
        }
        add(times.count, false)
        return parts
    }

    /// Whether the same is pinned.
    func hasPins(of other: DayRetention) -> Bool { pins == other.pins }

    /// Whether it would change a file with this footer.
    func changes(_ footer: SealedFooter) -> Bool {
        let loses = footer.timelines.contains { timeline in
            fate(of: timeline.instance, timeline.feed.name) != .kept
                && timeline.groups.contains { !covers($0.first, $0.last) }
        }
        return loses
            || footer.reduced.contains { timeline in
                fate(of: timeline.instance, timeline.feed.name) == .removed
                    && timeline.groups.contains { !isPinned($0.first, $0.last) }
            }
    }

    /// Whether one pin holds all from `first` to `last`.
    private func covers(_ first: Timestamp, _ last: Timestamp) -> Bool {
        pins.contains { $0.contains(first) && $0.contains(last) }
    }
}

/// What was removed of one feed, as rows of the ledger: one for each time without a jump.
struct RemovedIntervals {
    private let instance: String, feed: String
    private let fate: DayRetention.Fate
    private var isOpen = false
    private(set) var entries: [LedgerEntry] = []

    init(_ instance: String, _ feed: String, _ fate: DayRetention.Fate) {
        self.instance = instance
        self.feed = feed
        self.fate = fate
    }

    /// Rows between here and the next ones stay.
    mutating func end() { isOpen = false }

    /// Adds rows with these times, which are in order.
    mutating func add(_ times: ArraySlice<Int64>) {
        guard var start = times.indices.first else { return }
        for place in times.indices.dropFirst() where isJump(times[place - 1], times[place]) {
            add(times[start], times[place - 1], place - start)
            start = place
        }
        add(times[start], times[times.endIndex - 1], times.endIndex - start)
    }

    /// Adds the rows of a group.
    mutating func add(_ group: ReducedGroup) {
        add(group.first.nanoseconds, group.last.nanoseconds, group.rows)
    }

    private mutating func add(_ first: Int64, _ last: Int64, _ rows: Int) {
        let end = Timestamp(nanoseconds: last) + .nanoseconds(1)
        if isOpen, let entry = entries.last, !isJump(entry.to.nanoseconds - 1, first) {
            entries[entries.count - 1].to = max(entry.to, end)
            entries[entries.count - 1].count = (entry.count ?? 0) + Int64(rows)
            return
        }
        isOpen = true
        entries.append(
            LedgerEntry(
                kind: .retention,
                instance: instance,
                feed: feed,
                from: Timestamp(nanoseconds: first),
                to: end,
                count: Int64(rows),
                cause: fate == .reduced ? Self.reducedCause : Self.removedCause
            )
        )
    }

    private func isJump(_ time: Int64, _ next: Int64) -> Bool {
        let (gap, overflow) = next.subtractingReportingOverflow(time)
        return overflow || gap > Limits.runGap
    }

    /// Why samples are gone of which the roll-ups are there, and why these are gone, too.
    static let reducedCause = "retention: samples; their roll-ups are kept"
    static let removedCause = "retention: samples and their roll-ups"
}

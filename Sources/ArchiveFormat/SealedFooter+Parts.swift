internal import Telemetry

// A footer in parts, which stand among the chunks of a file, and the whole again.

/// How much of a footer the parts before describe.
struct DescribedContent {
    private let timelines: Int, groups: Int
    private let reduced: Int, reducedGroups: Int
    private let unreadable: Int

    /// Nothing yet.
    init() {
        (timelines, groups, reduced, reducedGroups, unreadable) = (0, 0, 0, 0, 0)
    }

    /// All that `footer` has so far.
    init(of footer: SealedFooter) {
        timelines = footer.timelines.count
        groups = footer.timelines.last?.groups.count ?? 0
        reduced = footer.reduced.count
        reducedGroups = footer.reduced.last?.groups.count ?? 0
        unreadable = footer.unreadable.count
    }

    /// What `footer` says beyond that, behind parts that end at `parts`.
    func part(of footer: SealedFooter, behind parts: [Int], isLast: Bool) -> SealedFooter {
        var part = footer
        part.parts = parts
        let continuesTimeline =
            timelines > 0 && footer.timelines[timelines - 1].groups.count > groups
        part.timelines = Array(footer.timelines[(timelines - (continuesTimeline ? 1 : 0))...])
        if continuesTimeline { part.timelines[0].groups.removeFirst(groups) }
        let continuesReduced =
            reduced > 0 && footer.reduced[reduced - 1].groups.count > reducedGroups
        part.reduced = Array(footer.reduced[(reduced - (continuesReduced ? 1 : 0))...])
        if continuesReduced { part.reduced[0].groups.removeFirst(reducedGroups) }
        part.unreadable = Array(footer.unreadable[unreadable...])
        part.part = SealedPart(
            continuesTimeline: continuesTimeline,
            continuesReduced: continuesReduced,
            isLast: isLast
        )
        if !parts.isEmpty, !isLast { part.forgetAccounts() }
        return part
    }
}

extension SealedFooter {
    /// What the parts of one file say together, in their order; nil where the first one and the
    /// last one are missing, so that nobody knows how far the archive had come.
    ///
    /// A part that could not be read is nil: what it described is not in the result.
    public init?(parts: [SealedFooter?]) {
        let known = parts.compactMap(\.self)
        guard let last = known.last, let part = last.part,
            let accounts = part.isLast ? last : parts.first ?? nil
        else { return nil }
        self = accounts
        (timelines, reduced, unreadable) = ([], [], [])
        // What a part continues has to be what stands before it.
        var (isNext, isNextReduced) = (false, false)
        for one in parts {
            guard let one, let part = one.part else {
                (isNext, isNextReduced) = (false, false)
                continue
            }
            var (more, moreReduced) = (one.timelines[...], one.reduced[...])
            if part.continuesTimeline, isNext, let first = more.popFirst() {
                timelines[timelines.count - 1].groups += first.groups
            }
            if part.continuesReduced, isNextReduced, let first = moreReduced.popFirst() {
                reduced[reduced.count - 1].groups += first.groups
            }
            timelines += more
            reduced += moreReduced
            unreadable += one.unreadable
            isNext = isNext || !one.timelines.isEmpty
            isNextReduced = isNextReduced || !one.reduced.isEmpty
        }
        self.parts = last.parts
        self.part = nil
    }

    /// Leaves out what is in the first part and the last one.
    fileprivate mutating func forgetAccounts() {
        (archive, sources) = ("", [])
        created = Timestamp(nanoseconds: 0)
        (receivedFrom, receivedTo) = (created, created)
        (cursorsBefore, cursors, instances) = ([], [], [])
        (ledger, declarations, damage) = ([], [], [])
    }
}

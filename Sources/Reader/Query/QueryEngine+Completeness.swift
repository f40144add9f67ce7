internal import Archive
internal import Telemetry

extension QueryEngine {
    /// How much of each timeline is there, hour by hour: of those with rows in the range, those
    /// that the ledger names, and those that the query names.
    func completeness(
        _ query: CompletenessQuery,
        _ deadline: Deadline
    ) throws(QueryError) -> CompletenessAnswer {
        try deadline.check()
        guard !query.range.isEmpty else { return CompletenessAnswer(timelines: []) }
        let edges = query.edges
        try check(hours: edges.count - 1)
        let patterns = query.patterns.map(\.widened)
        let isWanted = { (timeline: String) in
            patterns.isEmpty || patterns.contains { $0.mayMatch(beginning: timeline + ".") }
        }
        let counts = try archive.rowCounts(between: edges, of: isWanted)
        let missing = try archive.gaps(in: query.range).filter { $0.kind == .missing }
        try deadline.check()

        var names = Set(counts.map(\.timeline))
        names.formUnion(
            missing.compactMap { row in row.feed.map { "\(row.instance).\($0)" } }
                .filter(isWanted)
        )
        names.formUnion(query.patterns.filter { !$0.isGlob }.compactMap(\.timeline))
        try check(hours: (edges.count - 1) * names.count)
        let known = Dictionary(uniqueKeysWithValues: counts.map { ($0.timeline, $0) })
        let rows = Dictionary(grouping: missing, by: \.instance)
        let silent = query.patterns.filter { pattern in
            !missing.contains { $0.concerns(pattern) }
        }
        let ranges = zip(edges, edges.dropFirst()).map { $0..<$1 }
        return CompletenessAnswer(
            timelines: names.sorted().map { name in
                let instance = String(name.prefix { $0 != "." })
                let own = (rows[instance] ?? []).filter { $0.concerns([name]) }
                let period = known[name]?.feed.period
                return CompletenessAnswer.Timeline(
                    name: name,
                    period: period,
                    hours: ranges.enumerated().map { index, range in
                        CompletenessAnswer.Hour(
                            range: range,
                            rows: known[name]?.rows[index] ?? 0,
                            missing: Self.missing(in: range, own),
                            expected: period.map { Self.expected(in: range, $0, query.now) }
                        )
                    }
                )
            },
            notes: try notes(onUnknown: silent)
        )
    }

    private func check(hours: Int) throws(QueryError) {
        guard hours <= ReaderLimits.completenessHours else {
            throw .limit(
                what: "hours of timelines",
                found: hours,
                limit: ReaderLimits.completenessHours,
                advice: "ask for a shorter time, or for some feeds"
            )
        }
    }

    /// The records that rows of the ledger say are missing, nil if one does not know how many.
    private static func missing(in range: Range<Timestamp>, _ rows: [LedgerEntry]) -> Int64? {
        var sum: Int64 = 0
        for row in rows where row.touches(range) {
            guard let count = row.count else { return nil }
            sum += row.part(of: count, in: range)
        }
        return sum
    }

    /// The rows of the time that has passed, at one a period.
    private static func expected(
        in range: Range<Timestamp>,
        _ period: Duration,
        _ now: Timestamp
    ) -> Double {
        let passed = min(range.upperBound, max(now, range.lowerBound)) - range.lowerBound
        return period > .zero ? passed.inSeconds / period.inSeconds : 0
    }
}

extension LedgerEntry {
    /// Whether some of what it is about lies in the range.
    fileprivate func touches(_ range: Range<Timestamp>) -> Bool {
        from < range.upperBound && (to > range.lowerBound || range.contains(from))
    }

    /// The part of `count` records, spread evenly from its start to its end, that lies in `range`;
    /// the parts of ranges that follow each other add up to `count`.
    fileprivate func part(of count: Int64, in range: Range<Timestamp>) -> Int64 {
        let length = (to - from).nanoseconds
        guard length > 0 else { return count }
        func before(_ instant: Timestamp) -> Int64 {
            let passed = (min(max(instant, from), to) - from).nanoseconds
            return length.dividingFullWidth(count.multipliedFullWidth(by: passed)).quotient
        }
        return before(range.upperBound) - before(range.lowerBound)
    }
}

extension FieldPattern {
    /// The timeline that it names or whose field it names, nil for an instance.
    fileprivate var timeline: String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 || parts.count == 3 ? "\(parts[0]).\(parts[1])" : nil
    }
}

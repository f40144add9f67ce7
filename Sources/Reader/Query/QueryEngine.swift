internal import Archive
internal import Telemetry

/// Makes answers from the archive; blocks while it reads.
struct QueryEngine: Sendable {
    let archive: any SampleSource
    /// The allowance, and how much a reduction reads at a time, in values.
    var allowance = ReaderLimits.values, pieceValues = ReaderLimits.pieceValues

    /// Takes note of what the archive has got since the last time.
    func refresh() throws(QueryError) {
        try archive.refresh()
    }

    /// The fields with samples in the range, and their timelines.
    func fields(_ query: FieldsQuery, _ deadline: Deadline) throws(QueryError) -> FieldsAnswer {
        try deadline.check()
        guard !query.range.isEmpty else { return FieldsAnswer(fields: [], timelines: []) }
        let patterns = query.patterns.map(\.widened)
        let summaries = try archive.fields(in: query.range)
            .filter { summary in
                patterns.isEmpty || patterns.contains { $0.matches(summary.name.description) }
            }
            .sorted { $0.name < $1.name }
        let found = summaries.map(\.name.description)
        var timelines: [FieldsAnswer.Timeline] = []
        for (name, group) in Dictionary(grouping: summaries, by: \.name.timeline) {
            timelines.append(
                FieldsAnswer.Timeline(
                    name: name,
                    interval: Self.interval(of: group),
                    fields: group.map(\.name)
                )
            )
        }
        return FieldsAnswer(
            fields: summaries.map { summary in
                FieldsAnswer.Field(
                    name: summary.name,
                    type: summary.field.type,
                    unit: summary.field.unit,
                    description: summary.field.description,
                    last: summary.last
                )
            },
            timelines: timelines.sorted { $0.name < $1.name },
            notes: try notes(
                onUnknown: query.patterns.filter { !found.contains(where: $0.widened.matches) }
            )
        )
    }

    /// The declared period, else the mean spacing of the field with the most samples.
    private static func interval(of group: [FieldSummary]) -> Double? {
        if let period = group.lazy.compactMap(\.period).first { return period.inSeconds }
        guard let fullest = group.max(by: { $0.count < $1.count }), fullest.count > 1 else {
            return nil
        }
        return (fullest.last - fullest.first).inSeconds / Double(fullest.count - 1)
    }

    /// The ledger's rows of the range; of those instances and feeds that the patterns may fit.
    func gaps(_ query: GapsQuery, _ deadline: Deadline) throws(QueryError) -> LedgerAnswer {
        try deadline.check()
        guard !query.range.isEmpty else { return LedgerAnswer([], limit: query.limit) }
        let rows = try archive.gaps(in: query.range).filter { row in
            query.kinds.contains(row.kind)
                && (query.patterns.isEmpty || query.patterns.contains(where: row.concerns))
        }
        var answer = LedgerAnswer(rows, limit: query.limit)
        // A name that nobody has, has no gaps either: that must not look like good news.
        let unknown = try unknown(
            among: query.patterns.filter { pattern in !rows.contains { $0.concerns(pattern) } }
        )
        answer.unknown = unknown.patterns.map(\.text)
        answer.others = unknown.sentences
        return answer
    }

    /// Samples or buckets of the fields, one entry for each of them whether it has data or not.
    func data(_ query: DataQuery, _ deadline: Deadline) throws(QueryError) -> DataAnswer {
        try deadline.check()
        var answer = DataAnswer(fields: [], timelines: [], gaps: [], tier: .raw, notes: [])
        let (names, unmatched) = try expanded(query)
        answer.fields = names
        guard !query.range.isEmpty else { return answer }

        let known = names.compactMap { FieldName($0) }
        let groups = Dictionary(grouping: known, by: \.timeline)
        let lines = try groups.sorted { $0.key < $1.key }.map {
            (_, fields) throws(QueryError) -> Line in
            // Asked before any samples are read: what comes meanwhile must not be called final.
            let finalizedUntil = try archive.finalizedUntil(
                instance: fields[0].instance,
                feed: fields[0].feed
            )
            return Line(fields: fields, finalizedUntil: finalizedUntil ?? query.range.lowerBound)
        }
        let left = Allowance(allowance)
        for part in try Self.map(
            lines,
            { (line) throws(QueryError) in
                try part(of: line, query, left, deadline)
            }
        ) {
            if let timeline = part.timeline { answer.timelines.append(timeline) }
            answer.notes += part.notes
            answer.tier = max(answer.tier, part.tier)
        }
        let timelines = Set(groups.keys)
        let ledger = LedgerAnswer(
            try archive.gaps(in: query.range).filter { $0.concerns(timelines) }
        )
        (answer.gaps, answer.marks) = (ledger.gaps, ledger.marks)
        answer.notes += ledger.notes
        let answered = Set(answer.timelines.flatMap(\.fields).map(\.name))
        let silent = answer.fields.filter { !answered.contains($0) }.map { FieldPattern($0) }
        answer.notes += try notes(onUnknown: silent + unmatched)
        return answer
    }

    /// What one timeline contributes to an answer.
    struct Part {
        /// Nil if none of the fields has a sample in the range.
        var timeline: TimelineAnswer?
        var notes: [String] = []
        var tier = Tier.raw
    }

    /// Fields of one timeline that are asked for, and before which instant it was final then.
    private struct Line: Sendable {
        let fields: [FieldName]
        let finalizedUntil: Timestamp
    }

    private func part(
        of line: Line,
        _ query: DataQuery,
        _ left: Allowance,
        _ deadline: Deadline
    ) throws(QueryError) -> Part {
        var part =
            switch query.reduction {
            case .buckets(let count):
                try reduced(line.fields, query.range, count, left, deadline)
            case .none, .stride:
                try samples(of: line.fields, query, left, deadline)
            }
        part.timeline?.finalizedUntil = line.finalizedUntil
        return part
    }

    /// The results of `body` for some timelines, in that order: on several cores where they are
    /// many, since to wake another one takes as long as to read a short one.
    private static func map(
        _ lines: [Line],
        _ body: @Sendable (Line) throws(QueryError) -> Part
    ) throws(QueryError) -> [Part] {
        var parts: [Part] = []
        guard lines.count >= ReaderLimits.timelinesForCores else {
            for line in lines { parts.append(try body(line)) }
            return parts
        }
        return try Cores.map(lines.count) { (index) throws(QueryError) -> Part in
            try body(lines[index])
        }
    }

    /// The names asked for, each once, patterns replaced by the fields that have samples; and the
    /// patterns that no field fits.
    private func expanded(
        _ query: DataQuery
    ) throws(QueryError) -> (names: [String], unmatched: [FieldPattern]) {
        var all: [String] = []
        if query.fields.contains(where: \.widened.isGlob), !query.range.isEmpty {
            all = try archive.fields(in: query.range).map(\.name.description).sorted()
        }
        var names: [String] = []
        var unmatched: [FieldPattern] = []
        var seen: Set<String> = []
        for pattern in query.fields {
            let wanted = pattern.widened
            var matches = wanted.isGlob ? all.filter(wanted.matches) : [pattern.text]
            if matches.isEmpty, pattern.isGlob { unmatched.append(pattern) }
            // What is asked for by its name has an entry, whether it has data or not.
            if matches.isEmpty, !pattern.isGlob { matches = [pattern.text] }
            names += matches.filter { seen.insert($0).inserted }
        }
        guard names.count <= ReaderLimits.fields else {
            throw .limit(
                what: "fields",
                found: names.count,
                limit: ReaderLimits.fields,
                advice: "ask for fewer at a time"
            )
        }
        return (names, unmatched)
    }

    var overAllowance: QueryError {
        .limit(
            what: "values",
            found: nil,
            limit: allowance,
            advice: "ask for a shorter time, fewer fields, a larger min_stride, or max_points"
        )
    }
}

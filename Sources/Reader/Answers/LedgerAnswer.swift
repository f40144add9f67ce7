internal import Archive
public import Telemetry

/// Rows of the ledger as an answer: what is missing, and what is there and doubtful.
public struct LedgerAnswer: Hashable, Sendable {
    /// The rows, in order of time.
    public let rows: [LedgerEntry]
    /// How many older rows the limit has left out.
    public let leftOut: Int
    /// The names and patterns of the query that no field has at any time.
    var unknown: [String] = []
    /// What else there is to say.
    var others: [String] = []

    /// The newest `limit` of `rows`, which are in order of time.
    init(_ rows: [LedgerEntry], limit: Int = ReaderLimits.ledgerRows) {
        self.rows = rows.suffix(limit)
        leftOut = rows.count - self.rows.count
    }

    /// What is not there: lost, or removed by retention.
    public var gaps: [LedgerEntry] { rows.filter { $0.kind != .clock } }

    /// Where samples are there, and the clock that dated them was off.
    public var marks: [LedgerEntry] { rows.filter { $0.kind == .clock } }

    /// What a person should know about the rows: that some are left out, or that nobody has a name.
    var notes: [String] {
        guard leftOut > 0 else { return others }
        return others + [
            "the ledger has \(leftOut) older rows in this range, and an answer holds at most "
                + "\(rows.count): ask for a shorter time"
        ]
    }

    /// The answer as a map, for the bus.
    var value: Value {
        [
            "gaps": .array(gaps.map(\.value)), "marks": .array(marks.map(\.value)),
            "left_out": .int(Int64(leftOut)), "notes": .array(notes.map { .string($0) }),
            "unknown": .array(unknown.map { .string($0) }),
        ]
    }
}

extension LedgerEntry {
    /// The row in words: `missing: cryo-1.temperatures from … to …, 3 records: spool full`.
    public var sentence: String {
        let what = feed.map { "\(instance).\($0)" } ?? instance
        let records = count.map { ", \($0) \($0 == 1 ? "record" : "records")" } ?? ""
        return "\(kind.rawValue): \(what) from \(from) to \(to)\(records): \(cause)"
    }

    /// Whether it is about samples of one of these timelines (`instance.feed`).
    func concerns(_ timelines: Set<String>) -> Bool {
        guard let feed else {
            return timelines.contains { $0.hasPrefix(instance + ".") }
        }
        return timelines.contains("\(instance).\(feed)")
    }

    /// Whether it is about fields that the pattern may fit: `cryo-1`, `cryo-1.temperatures`, a
    /// field's full name, or anything with `*`.
    func concerns(_ pattern: FieldPattern) -> Bool {
        pattern.widened.mayMatch(beginning: feed.map { "\(instance).\($0)." } ?? "\(instance).")
    }
}

extension KeptApart {
    /// The sentence of an answer that does not have these values.
    func note(in timeline: String) -> String {
        let kind = field.type.rawValue + (field.unit.map { " in \($0.rawValue)" } ?? "")
        return "\(timeline).\(field.name): \(count) values from \(first) to \(last) were "
            + "declared \(kind), unlike the newest; they are kept apart and not in this answer: "
            + "ask for that time alone"
    }
}

internal import AgentClient
internal import Telemetry

/// Samples as text: rows in time order, one cell a column.
struct SampleText {
    /// How a time is written.
    enum TimeForm: String, CaseIterable, Sendable {
        /// ISO 8601 in UTC.
        case iso
        /// Unix seconds.
        case s
        /// Unix nanoseconds.
        case ns
    }

    /// One row: the time (of a bucket: its start and end) and a value for each column.
    struct Row: Sendable {
        var time: Timestamp
        var end: Timestamp?
        var values: [Value]
    }

    let times: TimeForm
    /// The columns in the order in which they are written.
    let columns: [String]

    /// The names of all columns of an answer, in the order of `fields`.
    static func columns(of answer: SampleAnswer, fields: [String]) -> [String] {
        let present = answer.timelines.flatMap { $0.columns.map(\.name) }
        return fields.flatMap { field in
            let own = present.filter { $0 == field || $0.hasPrefix(field + ":") }
            return own.isEmpty ? [field] : own
        }
    }

    /// The rows of all timelines in time order; timelines that share a time share a row.
    func rows(of answer: SampleAnswer) -> [Row] {
        let places = Dictionary(columns.enumerated().map { ($1, $0) }) { first, _ in first }
        var rows: [Row] = []
        var next = answer.timelines.map { _ in 0 }
        while true {
            let open = answer.timelines.indices.filter {
                next[$0] < answer.timelines[$0].times.count
            }
            guard let time = open.map({ answer.timelines[$0].times[next[$0]] }).min() else {
                return rows
            }
            var row = Row(time: time, values: .init(repeating: .null, count: columns.count))
            for index in open where answer.timelines[index].times[next[index]] == time {
                let timeline = answer.timelines[index]
                row.end = timeline.ends?[next[index]]
                for (name, column) in timeline.columns {
                    if let place = places[name] {
                        row.values[place] = column.value(at: next[index])
                    }
                }
                next[index] += 1
            }
            rows.append(row)
        }
    }

    /// The heading and rows of CSV (RFC 4180, but for line ends); a missing value is empty.
    func csvHeading(hasBuckets: Bool) -> String {
        ((hasBuckets ? ["start", "end"] : ["time"]) + columns).joined(separator: ",")
    }

    /// One line of CSV.
    func csv(_ row: Row) -> String {
        let start = [row.time] + (row.end.map { [$0] } ?? [])
        return (start.map { self.time($0) } + row.values.map(Self.csvCell)).joined(separator: ",")
    }

    /// One line of NDJSON: `{"t": …, field: value, …}`; what is missing is left out.
    func ndjson(_ row: Row) -> String {
        var members = ["\"t\":" + timeJSON(row.time)]
        if let end = row.end { members.append("\"end\":" + timeJSON(end)) }
        for (name, value) in zip(columns, row.values) where value != .null {
            members.append(Value.string(name).json + ":" + Self.finite(value).json)
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// The columns of a table for people.
    ///
    /// A few fields stand beside each other; more would not fit a terminal, and stand one below
    /// the other, without those that are missing. There a text of 300 signs may stand among
    /// numbers, so values begin where they are looked for: right behind the name.
    var tableColumns: [(heading: String, alignment: TextTable.Alignment)] {
        columns.count <= Limits.tableColumns
            ? [("time", .left)] + columns.map { ($0, .right) }
            : [("time", .left), ("field", .left), ("value", .left)]
    }

    /// The cells of one row: one line of a table, or one for each field that has a value.
    func cells(_ row: Row) -> [[String]] {
        guard columns.count > Limits.tableColumns else {
            return [[time(row.time)] + row.values.map(HumanText.value)]
        }
        return zip(columns, row.values).filter { $1 != .null }.map { name, value in
            [time(row.time), name, HumanText.value(value)]
        }
    }

    /// All as one JSON document, as `/api/v1/data` answers it.
    func document(_ answer: SampleAnswer, fields: [String]) -> String {
        var data: [String: Value] = [:]
        var timelines: [String: Value] = [:]
        for field in fields { data[field] = .array([]) }
        for timeline in answer.timelines {
            for (name, column) in timeline.columns {
                let values = Value.array((0..<column.count).map { column.value(at: $0) })
                let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
                if parts.count == 2 {
                    var statistics = data[parts[0]]?.map ?? [:]
                    statistics[parts[1]] = values
                    data[parts[0]] = .map(statistics)
                } else {
                    data[name] = values
                }
            }
            timelines[timeline.name] = value(timeline)
        }
        let document: Value = [
            "data": .map(data), "timeline": .map(timelines),
            "gaps": .array(answer.gaps.map(\.value)),
            "marks": .array(answer.marks.map(\.value)), "tier": .string(answer.tier),
            "notes": .array(answer.notes.map(Value.string)),
        ]
        return document.json
    }

    private func value(_ timeline: SampleAnswer.Timeline) -> Value {
        let names = timeline.columns.map { String($0.name.prefix { $0 != ":" }) }
        var members: [String: Value] = [
            "t": .array(timeline.times.map(timeValue)),
            "fields": .array(
                names.enumerated().filter { $0 == 0 || names[$0 - 1] != $1 }.map { .string($1) }
            ),
            "finalized_until": timeValue(timeline.finalizedUntil),
            "revision": .int(timeline.revision),
        ]
        if let ends = timeline.ends { members["end"] = .array(ends.map(timeValue)) }
        return .map(members)
    }

    private func time(_ time: Timestamp) -> String {
        switch times {
        case .iso: time.description
        case .s: Self.seconds(time)
        case .ns: String(time.nanoseconds)
        }
    }

    private func timeJSON(_ time: Timestamp) -> String {
        times == .iso ? Value.string(time.description).json : self.time(time)
    }

    private func timeValue(_ time: Timestamp) -> Value {
        switch times {
        case .iso: .string(time.description)
        case .s: .double(time.unixSeconds)
        case .ns: .int(time.nanoseconds)
        }
    }

    /// Seconds with all nine decimals that count: a double would lose the last three.
    private static func seconds(_ time: Timestamp) -> String {
        let (whole, part) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        var digits = String(part.magnitude)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        let sign = time.nanoseconds < 0 ? "-" : ""
        return sign + String(whole.magnitude) + (digits.isEmpty ? "" : "." + digits)
    }

    private static func csvCell(_ value: Value) -> String {
        switch value {
        case .null: ""
        case .string(let text): "\"" + text.replacing("\"", with: "\"\"") + "\""
        case .double(let number) where !number.isFinite: name(ofNonfinite: number)
        default: value.json
        }
    }

    private static func finite(_ value: Value) -> Value {
        guard case .double(let number) = value, !number.isFinite else { return value }
        return .string(name(ofNonfinite: number))
    }

    private static func name(ofNonfinite number: Double) -> String {
        number.isNaN ? "NaN" : number > 0 ? "Infinity" : "-Infinity"
    }
}

internal import Archive
internal import Telemetry

extension DataAnswer {
    /// A series of means for each field, `[value, milliseconds]` at the start of each bucket.
    ///
    /// A name that nobody knows is a series without points; a pattern that fits nothing is none.
    func series(of pattern: FieldPattern) -> [Value] {
        let found = timelines.flatMap { timeline in
            timeline.fields.map { (field: $0, times: timeline.timestamps) }
        }
        return fields.map { name in
            guard let (field, times) = found.first(where: { $0.field.name == name }),
                case .buckets(let columns) = field.content
            else { return ["target": .string(name), "datapoints": []] }
            let points = times.indices.compactMap { row -> Value? in
                guard columns.count[row] > 0 else { return nil }
                return .array([columns.shown(row), .double(times[row].milliseconds)])
            }
            return ["target": .string(name), "datapoints": .array(points)]
        }
    }

    /// One table of all fields, a row for each bucket.
    var simpleTable: Value {
        var rows: [(time: Double, cells: [Value])] = []
        let names = timelines.flatMap { $0.fields.map(\.name) }
        var place = 0
        for timeline in timelines {
            for (row, time) in timeline.timestamps.enumerated() {
                var cells = Array(repeating: Value.null, count: names.count)
                for (index, field) in timeline.fields.enumerated() {
                    guard case .buckets(let columns) = field.content else { continue }
                    cells[place + index] = columns.shown(row)
                }
                rows.append((time.milliseconds, cells))
            }
            place += timeline.fields.count
        }
        let columns: [Value] =
            [["text": "Time", "type": "time"]]
            + timelines.flatMap(\.fields).map { field in
                ["text": .string(field.name), "type": .string(field.content.simpleType)]
            }
        return [
            "type": "table", "columns": .array(columns),
            "rows": .array(
                rows.sorted { $0.time < $1.time }.map { .array([.double($0.time)] + $0.cells) }
            ),
        ]
    }
}

extension LedgerEntry {
    /// The row as Grafana marks it on a plot; `annotation` is what it asked with.
    func annotation(_ annotation: Value) -> Value {
        let name = feed.map { "\(instance).\($0)" } ?? instance
        let records = count.map { "\($0) records" } ?? "nobody knows how many records"
        return [
            "annotation": annotation, "time": .double(from.milliseconds),
            "timeEnd": .double(to.milliseconds), "isRegion": .bool(to > from),
            "title": .string("\(name): \(kind.rawValue)"), "tags": .string(kind.rawValue),
            "text": .string("\(cause) (\(records))"),
        ]
    }
}

extension Fault {
    /// The fault, which is still open, as Grafana marks it on a plot that ends at `end`.
    func annotation(_ annotation: Value, of instance: String, until end: Timestamp) -> Value {
        [
            "annotation": annotation, "time": .double(since.milliseconds),
            "timeEnd": .double(end.milliseconds), "isRegion": .bool(true),
            "title": .string("\(instance): \(id)"), "tags": .string(severity.rawValue),
            "text": .string(subject.isEmpty ? text : "\(subject): \(text)"),
        ]
    }
}

extension FieldAnswer.Content {
    fileprivate var simpleType: String {
        guard case .buckets(let columns) = self else { return "string" }
        return columns.min.type == .string ? "string" : "number"
    }
}

extension BucketColumns {
    /// The mean, null where that is no number; of texts the last one, where samples were read.
    fileprivate func shown(_ row: Int) -> Value {
        if min.type == .string {
            guard let last, last.isPresent(row), case .strings(let texts) = last.values else {
                return .null
            }
            return .string(texts[row])
        }
        guard mean.isPresent(row) else { return .null }
        let number = mean.number(row)
        return number.isFinite ? .double(number) : .null
    }
}

extension Timestamp {
    /// Milliseconds since 1970, with their fraction.
    fileprivate var milliseconds: Double { Double(nanoseconds) / 1e6 }
}

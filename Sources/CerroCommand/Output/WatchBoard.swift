internal import Foundation
internal import Telemetry

/// The newest value of each field that is watched, as lines that fit a terminal.
struct WatchBoard {
    /// One field and what is known of it.
    private struct Row {
        let unit: String
        var time: Timestamp
        var value: Value
        /// The newest numbers, oldest first.
        var recent: [Double] = []
    }

    /// A line, and whether what it shows is old.
    struct Line: Hashable {
        let text: String
        let isOld: Bool
    }

    private let filter: LiveFilter
    private let title: String
    private let hint: String?
    private var rows: [String: Row] = [:]

    /// The board of the fields that fit `filter`, under a title; `hint` says why it may stay empty.
    init(title: String, filter: LiveFilter, hint: String? = nil) {
        self.title = title
        self.hint = hint
        self.filter = filter
    }

    /// Takes in what was published; a missing value is none, so the one before stays.
    mutating func note(_ instance: String, _ feed: Feed, _ blocks: [Block]) {
        for (index, field) in feed.fields.enumerated() {
            let name = FieldName(instance: instance, feed: feed.name, field: field.name)
            guard filter.matches(name) else { continue }
            for block in blocks {
                for (row, time) in block.timestamps.enumerated() {
                    let value = block.columns[index].value(at: row)
                    if value != .null { note(name.description, field, time, value) }
                }
            }
        }
    }

    private mutating func note(
        _ name: String,
        _ field: Field,
        _ time: Timestamp,
        _ value: Value
    ) {
        guard rows[name] != nil || rows.count < Limits.boardRows else { return }
        var row = rows[name] ?? Row(unit: field.unit?.rawValue ?? "", time: time, value: value)
        (row.time, row.value) = (time, value)
        if let number = value.double, number.isFinite { row.recent.append(number) }
        row.recent = row.recent.suffix(Limits.boardTrend)
        rows[name] = row
    }

    /// What a terminal of that size shows.
    func lines(now: Timestamp, width: Int, height: Int) -> [Line] {
        let names = rows.keys.sorted()
        var table = TextTable([
            ("field", .left), ("value", .right), ("unit", .left), ("age", .right),
            ("trend", .left),
        ])
        let shown = names.prefix(max(1, height - 4))
        var isOld: [Bool] = []
        for name in shown {
            guard let row = rows[name] else { continue }
            let age = max(0, (now - row.time).inSeconds)
            table.append([
                name, Self.text(row.value), row.unit, Self.age(age), Self.trend(row.recent),
            ])
            isOld.append(age > Limits.boardFresh.inSeconds)
        }
        let clock = now.description.prefix(19) + "Z"
        var lines = [
            Line(text: "\(title)  \(clock)", isOld: false), Line(text: "", isOld: false),
        ]
        if names.isEmpty {
            let words = hint ?? "nothing was published yet"
            lines += words.split(separator: "\n").map { Line(text: String($0), isOld: false) }
        } else {
            let old = [false] + isOld
            lines += zip(table.lines, old).map { Line(text: $0, isOld: $1) }
        }
        if names.count > shown.count {
            let rest = "and \(names.count - shown.count) more: give a pattern"
            lines.append(Line(text: rest, isOld: false))
        }
        return lines.map { Line(text: String($0.text.prefix(width)), isOld: $0.isOld) }
    }

    /// Six figures at most: more would only flicker.
    private static func text(_ value: Value) -> String {
        guard case .double(let number) = value else { return HumanText.value(value) }
        return String(format: "%.6g", number)
    }

    private static func age(_ seconds: Double) -> String {
        seconds < 10
            ? String(format: "%.1f s", seconds)
            : HumanText.duration(.seconds(Int64(seconds)))
    }

    /// The newest numbers as bars from their smallest to their largest.
    private static func trend(_ numbers: [Double]) -> String {
        guard let low = numbers.min(), let high = numbers.max(), low < high else { return "" }
        let bars = Array("▁▂▃▄▅▆▇█")
        return String(
            numbers.map { bars[Int(($0 - low) / (high - low) * Double(bars.count - 1))] }
        )
    }
}

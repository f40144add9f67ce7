internal import AgentClient
internal import Telemetry

extension Plot {
    /// The plot of an answer with buckets; `fields` says what was asked for, in its order.
    init(_ answer: SampleAnswer, fields: [String], range: Range<Timestamp>) {
        var panels: [Panel] = []
        var notes: [String] = []
        for field in fields {
            switch Buckets(field, in: answer) {
            case nil:
                notes.append("\(field) has no samples in this time")
            case .some(let buckets):
                if let note = buckets.note { notes.append(note) }
                guard !buckets.points.isEmpty else { continue }
                let index = panels.reduce(0) { $0 + $1.series.count }
                let series = buckets.series(field, index)
                if let place = panels.firstIndex(where: { $0.unit == buckets.unit }) {
                    panels[place].series.append(series)
                } else {
                    panels.append(Panel(unit: buckets.unit, series: [series]))
                }
            }
        }
        let rows = answer.gaps.filter { $0.from < range.upperBound && $0.to > range.lowerBound }
        let count = panels.flatMap(\.series).map { $0.runs.reduce(0) { $0 + $1.count } }.max() ?? 0
        self.init(
            range: range,
            panels: panels,
            holes: Self.joined(rows.map { $0.from..<max($0.from, $0.to) }, within: range),
            notes: notes,
            source: "\(HumanText.count(Int64(count))) points, read from "
                + (answer.tier == "raw" ? "samples" : "\(answer.tier) statistics")
        )
    }

    /// The ranges cut to `range` and in order, those that touch as one.
    private static func joined(
        _ ranges: [Range<Timestamp>],
        within range: Range<Timestamp>
    ) -> [Range<Timestamp>] {
        var joined: [Range<Timestamp>] = []
        for one in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            let one = one.clamped(to: range)
            if let last = joined.last, one.lowerBound <= last.upperBound {
                let end = max(last.upperBound, one.upperBound)
                joined[joined.count - 1] = last.lowerBound..<end
            } else {
                joined.append(one)
            }
        }
        return joined
    }
}

/// The buckets of one field.
private struct Buckets {
    let unit: String
    /// Points, each with the start and end of its bucket.
    var points: [(point: Plot.Point, start: Timestamp, end: Timestamp)] = []
    /// Why some of what is there is not drawn.
    var note: String?
    private var mean = 0.0
    private var last: Double?
    /// Samples in a bucket, of most of them.
    private var usualCount = 0.0

    /// The buckets of `field`; nil if it has none.
    init?(_ field: String, in answer: SampleAnswer) {
        let line = answer.timelines.first { timeline in
            timeline.columns.contains { $0.name == field + ":count" }
        }
        guard let line, let ends = line.ends else { return nil }
        unit = line.units[field] ?? ""
        let columns = Dictionary(line.columns.map { ($0.name, $0.column) }) { first, _ in first }
        func value(_ statistic: String, _ row: Int) -> Double? {
            columns["\(field):\(statistic)"]?.value(at: row).number
        }
        var (samples, valid, endless, sum) = (0.0, 0.0, 0, 0.0)
        var counts: [Double] = []
        for (row, start) in line.times.enumerated() {
            guard let count = value("count", row), count > 0 else { continue }
            samples += count
            let weight = count - (value("nans", row) ?? 0)
            guard weight > 0, let middle = value("mean", row) else { continue }
            let (low, high) = (value("min", row) ?? middle, value("max", row) ?? middle)
            guard middle.isFinite, low.isFinite, high.isFinite else {
                endless += 1
                continue
            }
            (valid, sum) = (valid + weight, sum + weight * middle)
            counts.append(weight)
            let time = start + (ends[row] - start) / 2
            let point = Plot.Point(time: time, low: low, middle: middle, high: high)
            points.append((point, start, ends[row]))
            last = value("last", row) ?? last
        }
        guard samples > 0 else { return nil }
        mean = valid > 0 ? sum / valid : 0
        usualCount = counts.sorted().dropFirst(counts.count / 2).first ?? 0
        if endless > 0 {
            note = "\(field): \(endless) points are not drawn, since they hold infinite values"
        } else if points.isEmpty {
            note =
                columns["\(field):min"]?.type == .string
                ? "\(field) holds texts, which are not drawn; `cerro get` prints them"
                : "\(field): all samples in this time are NaN"
        }
    }

    func series(_ field: String, _ index: Int) -> Plot.Series {
        Plot.Series(name: field, index: index, runs: runs, mean: mean, last: last)
    }

    /// The points, cut where nothing came for much longer than usual.
    ///
    /// Where buckets usually hold several samples, one without any is a gap. Where they hold one,
    /// the time from one to the next tells what is usual.
    private var runs: [[Plot.Point]] {
        let distances = zip(points.dropFirst(), points).map { $0.point.time - $1.point.time }
        let usual = distances.sorted().dropFirst(distances.count * 3 / 4).first ?? .zero
        var runs: [[Plot.Point]] = []
        for (place, (point, start, end)) in points.enumerated() {
            guard place > 0 else {
                runs.append([point])
                continue
            }
            let before = points[place - 1]
            let width = max(end - start, before.end - before.start)
            let isEmpty = start - before.end > width / 2
            let isGap = isEmpty && (usualCount >= 2 || distances[place - 1] > usual * 4)
            if isGap { runs.append([point]) } else { runs[runs.count - 1].append(point) }
        }
        return runs
    }
}

extension Value {
    /// Numbers, and truth values as 0 and 1.
    fileprivate var number: Double? {
        if case .bool(let flag) = self { return flag ? 1 : 0 }
        return double
    }
}

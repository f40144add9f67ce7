internal import Telemetry

/// A plot as lines of a terminal, or of a text file.
///
/// With colours each field has one; without, the letter of a field stands where its line ends.
struct TerminalPlot {
    let plot: Plot
    let title: String
    /// How wide it is, in characters; and how high, nil where nothing limits that.
    let width: Int, height: Int?
    /// Whether colours make sense.
    let usesColour: Bool

    private static let gutter = 1, legendIndent = 2
    private static let hole: Character = "▒"

    /// Characters that fit between the axis and the right side.
    private var canvasWidth: Int { max(8, width - labelWidth - Self.gutter - 1) }

    /// Rows of dots of each panel.
    private var rows: Int {
        guard let height else { return Limits.plotUsualRows }
        let legends = plot.panels.reduce(0) { $0 + $1.series.count + 3 }
        let left = height - legends - 3 - (plot.holes.isEmpty ? 0 : 1)
        return min(Limits.plotMostRows, max(Limits.plotLeastRows, left / max(1, plot.panels.count)))
    }

    /// Wide enough for the longest tick of any panel.
    private var labelWidth: Int {
        axes.flatMap(\.ticks).map(\.text.count).max() ?? 0
    }

    private var axes: [ValueAxis] {
        plot.panels.map { ValueAxis($0.extent, unit: $0.unit, most: max(2, rows / 3)) }
    }

    /// The lines, from the top.
    var lines: [String] {
        let canvasWidth = canvasWidth
        let time = TimeAxis(plot.range) { canvasWidth / ($0 + 4) }
        var lines = ["\(title)   \(plot.rangeText)", coloured(plot.source, faint: true)]
        for (panel, axis) in zip(plot.panels, axes) {
            lines.append("")
            lines += panel.series.map { legend($0, panel) }
            if !axis.unit.isEmpty { lines.append(padded(axis.unit) + " ") }
            lines += drawn(panel, axis, time)
            lines.append(base(time))
        }
        lines.append(labels(time))
        if !plot.holes.isEmpty {
            let mark = coloured(String(Self.hole), colour: 31)
            lines.append("\(mark) on the axis: known to be missing")
        }
        return lines
    }

    /// `a ── name   min 1 K   mean 2 K   max 3 K`.
    private func legend(_ series: Plot.Series, _ panel: Plot.Panel) -> String {
        let mark = usesColour ? "━━" : String(letter(series))
        var parts = [coloured(mark, colour: colour(series.index)) + " " + series.name]
        parts += series.figures(unit: panel.unit)
        if let last = series.last {
            parts.append("last \(ValueAxis.text(last, unit: panel.unit))")
        }
        return String(repeating: " ", count: Self.legendIndent) + parts.joined(separator: "  ")
    }

    private func drawn(_ panel: Plot.Panel, _ axis: ValueAxis, _ time: TimeAxis) -> [String] {
        var canvas = BrailleCanvas(width: canvasWidth, height: rows)
        for series in panel.series {
            for run in series.runs { shade(run, series.index, axis, time, &canvas) }
        }
        for series in panel.series {
            for run in series.runs { draw(run, series, axis, time, &canvas) }
        }
        var texts: [Int: String] = [:]
        for tick in axis.ticks { texts[y(tick.place, canvas) / 4] = tick.text }
        return (0..<rows).map { row in
            let text = texts[row]
            let side = padded(text ?? "") + " " + (text == nil ? "│" : "┤")
            return side + painted(canvas.cells(ofRow: row))
        }
    }

    private func draw(
        _ run: [Plot.Point],
        _ series: Plot.Series,
        _ axis: ValueAxis,
        _ time: TimeAxis,
        _ canvas: inout BrailleCanvas
    ) {
        let places = run.map { point in
            (x: x(point.time, time, canvas), y: y(axis.place(point.middle), canvas))
        }
        guard let first = places.first, let last = places.last else { return }
        canvas.line(from: first, to: first, owner: series.index)
        for (start, end) in zip(places, places.dropFirst()) {
            canvas.line(from: start, to: end, owner: series.index)
        }
        if !usesColour {
            canvas.letter(letter(series), x: last.x, y: last.y, owner: series.index)
        }
    }

    /// The band from least to greatest; between two points it goes on evenly.
    private func shade(
        _ run: [Plot.Point],
        _ owner: Int,
        _ axis: ValueAxis,
        _ time: TimeAxis,
        _ canvas: inout BrailleCanvas
    ) {
        let places = run.map { point in
            (
                x: x(point.time, time, canvas), top: y(axis.place(point.high), canvas),
                bottom: y(axis.place(point.low), canvas)
            )
        }
        for (index, place) in places.enumerated() {
            canvas.shade(x: place.x, from: place.top, to: place.bottom, owner: owner)
            guard index > 0 else { continue }
            let before = places[index - 1]
            for x in stride(from: before.x + 1, to: place.x, by: 1) {
                let part = Double(x - before.x) / Double(place.x - before.x)
                let mixed = { (start: Int, end: Int) in
                    Int((Double(start) + Double(end - start) * part).rounded())
                }
                canvas.shade(
                    x: x,
                    from: mixed(before.top, place.top),
                    to: mixed(before.bottom, place.bottom),
                    owner: owner
                )
            }
        }
    }

    private func x(_ instant: Timestamp, _ time: TimeAxis, _ canvas: BrailleCanvas) -> Int {
        min(canvas.dotWidth - 1, Int(time.place(instant) * Double(canvas.dotWidth)))
    }

    private func y(_ place: Double, _ canvas: BrailleCanvas) -> Int {
        Int(((1 - place) * Double(canvas.dotHeight - 1)).rounded())
    }
}

extension TerminalPlot {
    /// The line below a panel, with a notch at each tick and a mark where something is missing.
    private func base(_ time: TimeAxis) -> String {
        var characters = [Character](repeating: "─", count: canvasWidth)
        for tick in time.ticks { characters[column(tick.place)] = "┬" }
        for hole in plot.holes {
            let (first, last) = (
                column(time.place(hole.lowerBound)), column(time.place(hole.upperBound))
            )
            for column in first...max(first, last) { characters[column] = Self.hole }
        }
        let start = padded("") + " └"
        var text = ""
        var marks = ""
        for character in characters {
            if character == Self.hole {
                marks.append(character)
            } else {
                text += coloured(marks, colour: 31) + String(character)
                marks = ""
            }
        }
        return start + text + coloured(marks, colour: 31)
    }

    /// The texts of the ticks, each below the middle of its notch; none over another.
    private func labels(_ time: TimeAxis) -> String {
        let offset = labelWidth + Self.gutter + 1
        var line: [Character] = []
        for tick in time.ticks {
            let middle = offset + column(tick.place)
            let start = min(middle - tick.text.count / 2, offset + canvasWidth - tick.text.count)
            guard start >= line.count + (line.isEmpty ? 0 : 1) else { continue }
            line += [Character](repeating: " ", count: start - line.count) + Array(tick.text)
        }
        return String(line)
    }

    private func column(_ place: Double) -> Int {
        min(canvasWidth - 1, Int(place * Double(canvasWidth)))
    }

    private func padded(_ text: String) -> String {
        String(repeating: " ", count: max(0, labelWidth - text.count)) + text
    }

    private func letter(_ series: Plot.Series) -> Character {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        return letters[series.index % letters.count]
    }

    /// Colours that can be told apart on dark and light grounds.
    private func colour(_ index: Int) -> Int { [36, 33, 35, 32, 34, 31, 96, 95][index % 8] }

    private func painted(_ cells: [BrailleCanvas.Cell]) -> String {
        var text = ""
        var last = cells.count
        while last > 0, cells[last - 1].character == " " { last -= 1 }
        var start = 0
        while start < last {
            let cell = cells[start]
            var end = start
            var run = ""
            while end < last, cells[end].character == " " || cells[end].looks(like: cell) {
                run.append(cells[end].character)
                end += 1
            }
            if end == start {
                run.append(cell.character)
                end += 1
            }
            text += coloured(run, colour: colour(cell.owner), faint: cell.isFaint)
            start = end
        }
        return text
    }

    private func coloured(_ text: String, colour: Int? = nil, faint: Bool = false) -> String {
        let codes = (faint ? ["2"] : []) + (colour.map { [String($0)] } ?? [])
        guard usesColour, !text.isEmpty, !codes.isEmpty else { return text }
        return "\u{1B}[\(codes.joined(separator: ";"))m\(text)\u{1B}[0m"
    }
}

extension BrailleCanvas.Cell {
    fileprivate func looks(like other: Self) -> Bool {
        (owner, isFaint) == (other.owner, other.isFaint)
    }
}

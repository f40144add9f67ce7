internal import Telemetry

/// A plot as a picture: a panel for each unit below the other, with a legend above each.
struct PicturePlot {
    let plot: Plot
    let title: String
    /// The size of all of it, in pixels.
    let width: Int, height: Int

    private typealias Colour = Picture.Colour

    private static let ground = Colour(0xFFFFFF), ink = Colour(0x1D2733)
    private static let faint = Colour(0x66727F), grid = Colour(0xE4E8EC)
    private static let frame = Colour(0x9AA5B0), hole = Colour(0xE4572E, alpha: 0.16)
    /// Eight that can be told apart, by the colour-blind too.
    ///
    /// Source: M. Okabe and K. Ito, "Color Universal Design", 2008; yellow made darker.
    private static let lines: [Colour] = [
        0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xB8860B, 0x56B4E9, 0x7A3E9D, 0x444444,
    ].map { Colour($0) }

    private static let margin = 18.0, head = 56.0, foot = 34.0, row = 19.0, size = 12.0
    /// Above and below a panel, where the texts of its axis stand.
    private static let gap = 36.0
    private static let leastPanel = 90.0

    /// A panel's place: of its legend, and of what is drawn.
    private struct Frame {
        let panel: Plot.Panel
        let axis: ValueAxis
        let x: Double, y: Double, width: Double, height: Double
        let legend: Double

        var bottom: Double { y + height }

        func place(_ time: Double, _ value: Double) -> Picture.Place {
            (x + time * width, bottom - axis.place(value) * height)
        }
    }

    /// A height in which panels of a plot are neither flat nor too tall.
    static func usualHeight(_ plot: Plot) -> Int {
        let legends = plot.panels.reduce(0) { $0 + Double($1.series.count) * row }
        let panels = max(1, plot.panels.count)
        let each = panels == 1 ? 380.0 : 240.0
        return Int(head + foot + legends + Double(panels) * (each + gap))
    }

    /// The picture as a PNG file.
    func png() throws(CommandFailure) -> [UInt8] {
        let picture = try Picture(width: width, height: height, ground: Self.ground)
        drawHead(picture)
        let frames = try frames(picture)
        let left = frames.first?.x ?? 0
        let time = TimeAxis(plot.range) { characters in
            Int((Double(width) - left) / (Double(characters) * 7.5 + 28))
        }
        for (index, frame) in frames.enumerated() {
            draw(frame, time, isLast: index == frames.count - 1, picture)
        }
        drawFoot(picture)
        return try picture.png()
    }

    private func drawHead(_ picture: Picture) {
        let (margin, right) = (Self.margin, Double(width) - Self.margin)
        picture.text(title, x: margin, y: 27, size: 17, Self.ink)
        picture.text(plot.rangeText, x: margin, y: 47, size: Self.size, Self.faint)
        picture.text(plot.source, x: right, y: 47, size: Self.size, Self.faint, .end)
    }

    private func drawFoot(_ picture: Picture) {
        let y = Double(height) - 11
        picture.text(
            "time in UTC",
            x: Double(width) - Self.margin,
            y: y,
            size: 11,
            Self.faint,
            .end
        )
        var x = Self.margin
        picture.fill(x: x, y: y - 9, width: 16, height: 10, Self.lines[0].with(alpha: 0.22))
        let band = "from the least to the greatest sample; the line is the mean"
        picture.text(band, x: x + 22, y: y, size: 11, Self.faint)
        guard !plot.holes.isEmpty else { return }
        x += 22 + picture.width(of: band, size: 11) + 24
        picture.fill(x: x, y: y - 9, width: 16, height: 10, Self.hole)
        picture.text("known to be missing", x: x + 22, y: y, size: 11, Self.faint)
    }

    private func frames(_ picture: Picture) throws(CommandFailure) -> [Frame] {
        let panels = plot.panels
        let legends = panels.reduce(0) { $0 + Double($1.series.count) * Self.row }
        let space =
            Double(height) - Self.head - Self.foot - legends - Self.gap * Double(panels.count)
        let each = space / Double(max(1, panels.count))
        guard each >= Self.leastPanel else {
            let missing = (Self.leastPanel - each) * Double(panels.count)
            throw CommandFailure(
                .usage,
                "the picture is too low for \(panels.count) panels and their legends: "
                    + "--height \(height + Int(missing) + 1) or more, or fewer fields"
            )
        }
        let axes = panels.map { ValueAxis($0.extent, unit: $0.unit, most: Int(each / 38)) }
        let labels = axes.flatMap(\.ticks).map { picture.width(of: $0.text, size: Self.size) }
        let x = Self.margin + (labels.max() ?? 0) + 10
        var y = Self.head
        return zip(panels, axes).map { panel, axis in
            let top = y + Double(panel.series.count) * Self.row + 6
            defer { y = top + each + Self.gap - 6 }
            return Frame(
                panel: panel,
                axis: axis,
                x: x.rounded(),
                y: top.rounded(),
                width: (Double(width) - Self.margin - x).rounded(),
                height: each.rounded(),
                legend: y
            )
        }
    }

    private func draw(_ frame: Frame, _ time: TimeAxis, isLast: Bool, _ picture: Picture) {
        drawGrid(frame, time, picture)
        picture.clipped(x: frame.x, y: frame.y, width: frame.width, height: frame.height) {
            for hole in plot.holes {
                let start = frame.x + time.place(hole.lowerBound) * frame.width
                let end = frame.x + time.place(hole.upperBound) * frame.width
                picture.fill(
                    x: start,
                    y: frame.y,
                    width: max(2, end - start),
                    height: frame.height,
                    Self.hole
                )
            }
            for series in frame.panel.series { drawBand(series, frame, time, picture) }
            for series in frame.panel.series {
                for run in series.runs {
                    let places = run.map { frame.place(time.place($0.time), $0.middle) }
                    let width = run.count == 1 ? 3.5 : 1.4
                    picture.line(places, colour(series), width: width)
                }
            }
        }
        drawLegend(frame, picture)
    }

    private func drawGrid(_ frame: Frame, _ time: TimeAxis, _ picture: Picture) {
        for tick in frame.axis.ticks {
            let y = (frame.bottom - tick.place * frame.height).rounded() + 0.5
            picture.line([(frame.x, y), (frame.x + frame.width, y)], Self.grid, width: 1)
            picture.text(tick.text, x: frame.x - 7, y: y + 4, size: Self.size, Self.ink, .end)
        }
        var free = 0.0
        for tick in time.ticks {
            let x = (frame.x + tick.place * frame.width).rounded() + 0.5
            picture.line([(x, frame.y), (x, frame.bottom)], Self.grid, width: 1)
            let half = picture.width(of: tick.text, size: Self.size) / 2
            let middle = min(x, Double(width) - 4 - half)
            guard middle - half >= free else { continue }
            picture.text(
                tick.text,
                x: middle,
                y: frame.bottom + 15,
                size: Self.size,
                Self.ink,
                .middle
            )
            free = middle + half + 8
        }
        let (left, right) = (frame.x + 0.5, frame.x + frame.width - 0.5)
        let (top, bottom) = (frame.y + 0.5, frame.bottom - 0.5)
        picture.line(
            [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)],
            Self.frame,
            width: 1
        )
    }

    private func drawBand(
        _ series: Plot.Series,
        _ frame: Frame,
        _ time: TimeAxis,
        _ picture: Picture
    ) {
        for run in series.runs {
            let upper = run.map { frame.place(time.place($0.time), $0.high) }
            let lower = run.map { frame.place(time.place($0.time), $0.low) }
            let colour = colour(series)
            // A band is an area; of a single bucket it is a stroke.
            if run.count == 1 {
                picture.line([upper[0], lower[0]], colour.with(alpha: 0.5), width: 2)
            } else {
                picture.fill(upper + lower.reversed(), colour.with(alpha: 0.22))
                // Edges, since an area that one sample has made narrow is hardly seen.
                picture.line(upper, colour.with(alpha: 0.4), width: 1)
                picture.line(lower, colour.with(alpha: 0.4), width: 1)
            }
        }
    }

    private func drawLegend(_ frame: Frame, _ picture: Picture) {
        let rows = frame.panel.series.map { $0.figures(unit: frame.panel.unit) }
        let columns = (0..<3).map { column in rows.map { $0[column] } }
        let widths = columns.map { texts in
            texts.map { picture.width(of: $0, size: Self.size) }.max() ?? 0
        }
        for (index, series) in frame.panel.series.enumerated() {
            let y = frame.legend + Double(index) * Self.row + 14
            picture.line([(frame.x, y - 4), (frame.x + 18, y - 4)], colour(series), width: 3)
            picture.text(series.name, x: frame.x + 25, y: y, size: 13, Self.ink)
            var right = frame.x + frame.width
            for (texts, width) in zip(columns, widths).reversed() {
                picture.text(texts[index], x: right, y: y, size: Self.size, Self.faint, .end)
                right -= width + 20
            }
        }
        picture.text(frame.axis.unit, x: frame.x - 7, y: frame.y - 6, size: 13, Self.ink, .end)
    }

    private func colour(_ series: Plot.Series) -> Picture.Colour {
        Self.lines[series.index % Self.lines.count]
    }
}

extension Picture.Colour {
    /// The same colour, more or less of it.
    func with(alpha: Double) -> Self {
        var colour = self
        colour.alpha = alpha
        return colour
    }
}

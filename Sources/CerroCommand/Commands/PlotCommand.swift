internal import AgentClient
internal import ArgumentParser
internal import Foundation
internal import Reader
internal import SiteConfig
internal import Telemetry

/// `cerro plot`: fields over a time, in the terminal or as a picture.
struct PlotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Plots fields over a time, in the terminal or as a picture.",
        discussion: """
            Fields that share a unit share a panel. The line is the mean of a short while, the \
            shade around it reaches from the least to the greatest sample, so a spike of one \
            sample is seen however long the time. A line breaks where nothing came. The last hour \
            is shown unless told otherwise. Times are in UTC.
            """
    )

    @Argument(
        help: "Full names, instances, feeds (`cryo-1.temperatures`), or patterns with `*`.",
        completion: SiteCompletion.fields
    )
    var fields: [String]

    @Option(
        name: .customLong("max-points"),
        help: ArgumentHelp(
            "At most so many points of a field; as many as fit if left out.",
            valueName: "count"
        )
    )
    var maxPoints: Int?

    @Option(
        help: ArgumentHelp(
            "How wide: characters, or pixels of the picture.",
            discussion: "Else the terminal's, or 80 characters; 1200 pixels.",
            valueName: "size"
        )
    )
    var width: Int?

    @Option(help: ArgumentHelp("How high: lines, or pixels of the picture.", valueName: "size"))
    var height: Int?

    @Option(
        help: ArgumentHelp(
            "Write a picture into this file; `-` is standard output.",
            valueName: "file"
        )
    )
    var png: String?

    @OptionGroup var reader: ReaderOptions

    func validate() throws {
        if let maxPoints, !(1...Limits.plotPoints).contains(maxPoints) {
            throw ValidationError(
                "--max-points is \(maxPoints); expected 1 to \(Limits.plotPoints)"
            )
        }
        let (widths, heights) =
            png == nil
            ? (Limits.plotWidth, Limits.plotHeight) : (Limits.pictureWidth, Limits.pictureHeight)
        for (name, size, range) in [("width", width, widths), ("height", height, heights)] {
            if let size, !range.contains(size) {
                throw ValidationError(
                    "--\(name) is \(size); expected \(range.lowerBound) to \(range.upperBound) "
                        + (png == nil ? "characters" : "pixels")
                )
            }
        }
    }

    func run() async throws {
        let console = Console.current
        let (columns, lines) = terminalSize()
        let usual = png == nil ? columns * 2 : (width ?? Limits.pictureUsualWidth)
        let (fields, points) = (fields, maxPoints ?? usual)
        let title = try reader.site.load().name
        let (names, answer, range) = try await reader.ask(from: { $0 - .seconds(3600) }) {
            (query, range, _) in
            let names = try await query.names(fields)
            guard names.count <= Limits.plotFields else {
                throw CommandFailure(
                    .failed,
                    "\(names.count) fields fit; a plot has room for \(Limits.plotFields). Name "
                        + "fewer, or a narrower pattern"
                )
            }
            let reduction: [String: Value] = ["max_points": .int(Int64(points))]
            return (names, try await query.data(names, range, reduction), range)
        }
        let plot = Plot(answer, fields: names, range: range)
        if !plot.panels.isEmpty {
            if let png {
                try write(plot, title, to: png, console)
            } else {
                let text = TerminalPlot(
                    plot: plot,
                    title: title,
                    width: columns,
                    height: lines,
                    usesColour: console.usesColour
                )
                for line in text.lines { console.answer(line) }
            }
        }
        for note in plot.notes + answer.notes { console.note(note) }
        for row in answer.gaps + answer.marks { console.note(TextTable.onOneLine(row.sentence)) }
        guard !plot.panels.isEmpty else {
            throw CommandFailure(.failed, "there is nothing to plot in \(plot.rangeText)")
        }
    }

    private func write(
        _ plot: Plot,
        _ title: String,
        to path: String,
        _ console: Console
    ) throws(CommandFailure) {
        let picture = PicturePlot(
            plot: plot,
            title: title,
            width: width ?? Limits.pictureUsualWidth,
            height: height
                ?? min(Limits.pictureHeight.upperBound, PicturePlot.usualHeight(plot))
        )
        let bytes = try picture.png()
        let file = try OutputFile(path)
        do { try file.write(bytes) } catch {
            file.discard()
            throw error
        }
        try file.finish()
        if path != "-" { console.note("\(path): \(picture.width) × \(picture.height) pixels") }
    }

    /// What `--width` and `--height` say, else the terminal; a pipe has no height.
    private func terminalSize() -> (columns: Int, lines: Int?) {
        var size = winsize()
        let isKnown =
            png == nil && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let clamped = { (size: Int, range: ClosedRange<Int>) in
            min(range.upperBound, max(range.lowerBound, size))
        }
        let columns = clamped(isKnown ? Int(size.ws_col) : 80, Limits.plotWidth)
        // The last line is the shell's.
        let lines = isKnown ? clamped(Int(size.ws_row) - 1, Limits.plotHeight) : nil
        return (width ?? columns, height ?? lines)
    }
}

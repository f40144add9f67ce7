import AgentClient
import Foundation
import Telemetry
import Testing

@testable import CerroCommand

@Suite("plots in a terminal and as a picture")
struct PlotDrawingTests {
    private func plot(
        _ buckets: [PlotSample.Bucket],
        gaps: [(Int64, Int64)] = [],
        unit: String = "K"
    ) -> Plot {
        var answer = PlotSample.answer([("a.f.x", unit, buckets)])
        answer.gaps = gaps.map { from, to in
            LedgerEntry(
                instance: "a",
                feed: nil,
                from: PlotSample.start + .seconds(from),
                to: PlotSample.start + .seconds(to),
                count: nil,
                cause: "damage"
            )
        }
        return Plot(answer, fields: ["a.f.x"], range: PlotSample.range)
    }

    private func lines(_ plot: Plot, colour: Bool = false, height: Int? = 18) -> [String] {
        TerminalPlot(plot: plot, title: "atacama", width: 60, height: height, usesColour: colour)
            .lines
    }

    /// The column of the first and of the last character that `isDrawn`, right of the axis.
    private func span(_ line: String) -> (Int, Int)? {
        let cells = Array(line.drop { $0 != "│" && $0 != "┤" }.dropFirst())
        guard let first = cells.firstIndex(where: { $0 != " " }),
            let last = cells.lastIndex(where: { $0 != " " })
        else { return nil }
        return (first, last)
    }

    @Test("a line rises from the lower left to the upper right, and its figures are told")
    func rising() throws {
        let lines = lines(plot((0..<100).map { .init($0, Double($0)) }))
        #expect(lines[0] == "atacama   2026-11-21 05:00:00 – 05:01:40 UTC (1 min 40 s)")
        #expect(lines.contains { $0.contains("a a.f.x  min 0 K  mean 49.5 K  max 99 K") })
        let drawn = lines.filter { $0.contains("│") || $0.contains("┤") }
        let spans = drawn.compactMap(span)
        #expect(drawn.count >= Limits.plotLeastRows && spans.count == drawn.count)
        for (upper, lower) in zip(spans, spans.dropFirst()) {
            #expect(upper.0 >= lower.0 && upper.1 >= lower.1)
        }
        #expect(lines.last?.contains("05:00:30") == true)
        #expect(lines.allSatisfy { $0.count <= 60 || $0.hasPrefix("  a") })
        #expect(lines.count <= 18)
        #expect(!lines.joined().contains("\u{1B}"))
    }

    @Test("a terminal gets colours, and only there")
    func colours() {
        let lines = lines(plot([.init(0, 1), .init(1, 2)]), colour: true)
        #expect(lines.joined().contains("\u{1B}[36m"))
        #expect(!lines.contains { $0.contains("a a.f.x") })
    }

    @Test("nothing is drawn where nothing was, and what the ledger knows stands on the axis")
    func gaps() throws {
        let buckets = (Array(0..<40) + Array(60..<100)).map {
            PlotSample.Bucket($0, 5, count: 3)
        }
        let lines = lines(plot(buckets, gaps: [(40, 60)]))
        let line = try #require(lines.first { $0.unicodeScalars.contains { $0.value > 0x2800 } })
        let cells = Array(line.drop { $0 != "│" && $0 != "┤" }.dropFirst())
        let width = 60 - (line.count - cells.count)
        #expect(cells[width / 5] != " " && cells[width * 4 / 5] != " ")
        #expect(cells[width / 2] == " ")
        let base = try #require(lines.first { $0.contains("└") })
        #expect(base.contains("▒▒▒") && base.contains("─"))
        #expect(lines.last == "▒ on the axis: known to be missing")
    }

    @Test("a spike of one sample is seen beside the mean")
    func spike() {
        let quiet = (0..<100).map { PlotSample.Bucket($0, 1, count: 100) }
        var loud = quiet
        loud[50] = PlotSample.Bucket(50, 1, count: 100, spread: 40)
        #expect(lines(plot(quiet)) != lines(plot(loud)))
        let rows = lines(plot(loud)).filter { $0.contains("│") || $0.contains("┤") }
        // The shade reaches from top to bottom of the panel.
        #expect(rows.dropFirst().dropLast().allSatisfy { span($0) != nil })
    }

    @Test("one point is a dot, a constant a level line", arguments: [1, 100])
    func few(count: Int64) {
        let lines = lines(plot((0..<count).map { .init($0, 4.2) }))
        let drawn = lines.filter { $0.contains("│") || $0.contains("┤") }.compactMap(span)
        #expect(drawn.count == 1)
    }

    @Test("a picture is a PNG of its size, and is another one for other values")
    func picture() throws {
        func png(_ plot: Plot, height: Int = 400) throws -> [UInt8] {
            try PicturePlot(plot: plot, title: "atacama", width: 600, height: height).png()
        }
        let first = try png(plot((0..<100).map { .init($0, Double($0), count: 9, spread: 3) }))
        #expect(first.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        #expect(Array(first[16..<24]) == [0, 0, 0x02, 0x58, 0, 0, 0x01, 0x90])
        let flat = try png(plot((0..<100).map { .init($0, Double($0), count: 9) }))
        #expect(first != flat)
        #expect(try png(plot([.init(0, 1, count: 9)], gaps: [(10, 20)])) != flat)
        #expect(throws: CommandFailure.self) { try png(plot([.init(0, 1)]), height: 200) }
    }

    @Test("sizes and counts that make no sense are refused before anybody is asked")
    func usage() async {
        for arguments in [
            ["plot"], ["plot", "a.f.x", "--width", "5"], ["plot", "a.f.x", "--height", "100000"],
            ["plot", "a.f.x", "--max-points", "0"],
            ["plot", "a.f.x", "--png", "x", "--width", "80"],
        ] {
            let transcript = Transcript()
            let code = await CommandLineTool.run(arguments, console: .kept(in: transcript))
            #expect(code == 2, "\(arguments)")
            #expect(transcript.answers.isEmpty && transcript.notes.contains("Error: "))
        }
    }
}

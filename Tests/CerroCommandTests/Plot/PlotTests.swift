import AgentClient
import Telemetry
import Testing

@testable import CerroCommand

@Suite("what a plot shows")
struct PlotTests {
    @Test("fields that share a unit share a panel, in the order in which they were asked for")
    func panels() {
        let answer = PlotSample.answer([
            ("a.f.x", "K", [.init(0, 1)]), ("a.f.p", "mbar", [.init(0, 2)]),
            ("a.f.y", "K", [.init(0, 3)]),
        ])
        let plot = Plot(answer, fields: ["a.f.x", "a.f.p", "a.f.y"], range: PlotSample.range)
        #expect(plot.panels.map(\.unit) == ["K", "mbar"])
        #expect(plot.panels.map { $0.series.map(\.name) } == [["a.f.x", "a.f.y"], ["a.f.p"]])
        #expect(Set(plot.panels.flatMap(\.series).map(\.index)) == [0, 1, 2])
        #expect(plot.notes.isEmpty && plot.panels[0].extent == 1...3)
    }

    @Test("a line breaks where buckets that are usually full are absent, and not elsewhere")
    func gaps() throws {
        let full = PlotSample.answer([
            ("a.f.x", "", [0, 1, 2, 5, 6].map { .init($0, Double($0), count: 10) })
        ])
        let plot = Plot(full, fields: ["a.f.x"], range: PlotSample.range)
        #expect(plot.panels.first?.series.first?.runs.map(\.count) == [3, 2])

        // A sample now and then: buckets between are empty, and nothing is missing.
        let sparse = PlotSample.answer([
            ("a.f.x", "", [0, 3, 6, 10, 13, 40, 43].map { .init($0, 1) })
        ])
        let runs = Plot(sparse, fields: ["a.f.x"], range: PlotSample.range).panels.first?.series
            .first?.runs
        #expect(runs?.map(\.count) == [5, 2])
    }

    @Test("what is not a number breaks the line, and what cannot be drawn is said")
    func notNumbers() {
        let answer = PlotSample.answer([
            ("a.f.x", "", [.init(0, 1, count: 4), .init(1, nil, count: 4), .init(2, 3, count: 4)]),
            ("a.f.nan", "", [.init(0, nil, count: 4)]),
            ("a.f.inf", "", [.init(0, .infinity), .init(1, 2)]),
        ])
        let fields = ["a.f.x", "a.f.nan", "a.f.inf", "a.f.none"]
        let plot = Plot(answer, fields: fields, range: PlotSample.range)
        #expect(plot.panels.flatMap(\.series).map(\.name) == ["a.f.x", "a.f.inf"])
        #expect(plot.panels.first?.series.first?.runs.map(\.count) == [1, 1])
        #expect(
            plot.notes == [
                "a.f.nan: all samples in this time are NaN",
                "a.f.inf: 1 points are not drawn, since they hold infinite values",
                "a.f.none has no samples in this time",
            ]
        )
        #expect(Plot(SampleAnswer(), fields: [], range: PlotSample.range).panels.isEmpty)
    }

    @Test("the mean is that of the samples, not of the points")
    func mean() {
        let answer = PlotSample.answer([
            ("a.f.x", "", [.init(0, 1, count: 9), .init(1, 11, count: 1)])
        ])
        let plot = Plot(answer, fields: ["a.f.x"], range: PlotSample.range)
        #expect(plot.panels.first?.series.first?.mean == 2)
    }

    @Test("rows of the ledger are holes, cut to the range and joined where they touch")
    func holes() {
        var answer = PlotSample.answer([("a.f.x", "", [.init(0, 1)])])
        answer.gaps = [(50, 70), (-10, 10), (60, 80), (200, 300)].map { from, to in
            LedgerEntry(
                instance: "a",
                feed: nil,
                from: PlotSample.start + .seconds(from),
                to: PlotSample.start + .seconds(to),
                count: nil,
                cause: "spool full"
            )
        }
        let holes = Plot(answer, fields: ["a.f.x"], range: PlotSample.range).holes
        #expect(
            holes.map { ($0.lowerBound - PlotSample.start).inSeconds } == [0, 50]
                && holes.map { ($0.upperBound - PlotSample.start).inSeconds } == [10, 80]
        )
    }
}

/// Answers of the reader, made by hand: buckets of a second from 05:00:00 on.
enum PlotSample {
    static let start = Timestamp(seconds: 1_795_237_200)
    static let range = start..<(start + .seconds(100))

    /// One bucket: its place and mean, nil where all its samples are NaN.
    struct Bucket {
        let place: Int64, mean: Double?, count: Int64, spread: Double

        init(_ place: Int64, _ mean: Double?, count: Int64 = 1, spread: Double = 0) {
            self.place = place
            self.mean = mean
            self.count = count
            self.spread = spread
        }
    }

    /// An answer in which each field has a timeline of its own.
    static func answer(_ fields: [(name: String, unit: String, buckets: [Bucket])]) -> SampleAnswer
    {
        var answer = SampleAnswer()
        for (name, unit, buckets) in fields {
            let doubles = { (value: (Bucket) -> Double?) in
                Column(
                    .doubles(buckets.map { value($0) ?? 0 }),
                    presence: buckets.map { value($0) != nil }
                )
            }
            let times = buckets.map { start + .seconds($0.place) }
            answer.timelines.append(
                SampleAnswer.Timeline(
                    name: name,
                    times: times,
                    ends: times.map { $0 + .seconds(1) },
                    columns: [
                        (name + ":count", Column(.ints(buckets.map(\.count)))),
                        (
                            name + ":nans",
                            Column(.ints(buckets.map { $0.mean == nil ? $0.count : 0 }))
                        ),
                        (
                            name + ":min",
                            doubles { bucket in bucket.mean.map { $0 - bucket.spread } }
                        ),
                        (
                            name + ":max",
                            doubles { bucket in bucket.mean.map { $0 + bucket.spread } }
                        ),
                        (name + ":mean", doubles(\.mean)),
                    ],
                    units: unit.isEmpty ? [:] : [name: unit],
                    finalizedUntil: start,
                    revision: 0
                )
            )
        }
        return answer
    }
}

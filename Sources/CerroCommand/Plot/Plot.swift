internal import Telemetry

/// What a plot shows, whatever draws it: panels of fields that share a unit, over one range.
struct Plot: Sendable {
    /// What a field was for a short while: of one sample, all three are its value.
    struct Point: Hashable, Sendable {
        /// The middle of the while.
        let time: Timestamp
        /// The least, mean and greatest value; finite.
        let low: Double, middle: Double, high: Double
    }

    /// One field.
    struct Series: Sendable {
        /// The full name.
        let name: String
        /// Its place among all fields of the plot, which gives its colour and its letter.
        let index: Int
        /// The points in order of time; between two runs something is missing.
        let runs: [[Point]]
        /// The mean of all samples.
        let mean: Double
        /// The newest value, where samples themselves were read.
        let last: Double?

        /// From the least to the greatest value.
        var extent: ClosedRange<Double> {
            let points = runs.joined()
            let low = points.lazy.map(\.low).min() ?? 0
            return low...max(low, points.lazy.map(\.high).max() ?? 0)
        }

        /// The least, mean and greatest value, as a legend tells them.
        func figures(unit: String) -> [String] {
            [("min", extent.lowerBound), ("mean", mean), ("max", extent.upperBound)].map {
                "\($0) \(ValueAxis.text($1, unit: unit))"
            }
        }
    }

    /// Fields that share a unit, and so an axis.
    struct Panel: Sendable {
        /// The unit; empty for pure numbers.
        let unit: String
        /// The fields, at least one.
        var series: [Series]

        /// From the least to the greatest value of all.
        var extent: ClosedRange<Double> {
            let extents = series.map(\.extent)
            let low = extents.map(\.lowerBound).min() ?? 0
            return low...max(low, extents.map(\.upperBound).max() ?? 0)
        }
    }

    /// The time that is shown.
    let range: Range<Timestamp>
    /// The panels, in the order in which their units came; empty if there is nothing to draw.
    let panels: [Panel]
    /// When something is known to be missing, by the ledger; within the range, in order.
    let holes: [Range<Timestamp>]
    /// Why something that was asked for is not drawn.
    let notes: [String]
    /// How many points there are, and where they were read from.
    let source: String

    /// The range as a title says it.
    var rangeText: String {
        let (start, end) = (range.lowerBound, range.upperBound)
        let (first, last) = (start.utc, end.utc)
        let isOneDay = (first.year, first.month, first.day) == (last.year, last.month, last.day)
        // Nobody reads nanoseconds in a title; three digits tell short ranges apart.
        let unit: Int64 = end - start >= .seconds(60) ? 1_000_000_000 : 1_000_000
        let (from, to) = (Self.text(start, to: unit), Self.text(end, to: unit))
        return "\(from) – \(isOneDay ? String(to.dropFirst(11)) : to) UTC "
            + "(\(HumanText.duration(end - start)))"
    }

    private static func text(_ time: Timestamp, to unit: Int64) -> String {
        Timestamp(nanoseconds: time.nanoseconds / unit * unit).description
            .replacing("T", with: " ").replacing("Z", with: "")
    }
}

internal import Telemetry

/// What a benchmark found, for people and for machines.
struct BenchReport: Sendable {
    /// What the machine does without Cerro, in the unit of the report.
    struct Floor: Hashable, Sendable {
        let name: String
        let median: Double
    }

    let name: String
    /// One figure a run, or a round trip.
    let samples: [Double]
    let unit: String
    /// Whether more is better.
    let isRate: Bool
    var lost = 0, doubled = 0
    let floors: [Floor]
    /// What else was seen, by name.
    var details: [String: Double] = [:]

    /// The floor that is nearest: the slowest of them.
    var floor: Floor? {
        isRate
            ? floors.min { $0.median < $1.median } : floors.max { $0.median < $1.median }
    }

    /// The figure by which the report is read.
    var median: Double { Self.quantile(0.5, of: samples) }

    /// The value that a fraction of the samples does not exceed.
    static func quantile(_ fraction: Double, of samples: [Double]) -> Double {
        let sorted = samples.sorted()
        guard let last = sorted.indices.last else { return .nan }
        return sorted[min(last, Int((Double(sorted.count) * fraction).rounded(.down)))]
    }

    /// The report as one JSON document.
    var value: Value {
        var members: [String: Value] = [
            "benchmark": .string(name), "runs": .int(Int64(samples.count)),
            "median": .double(median), "unit": .string(unit), "lost": .int(Int64(lost)),
            "doubled": .int(Int64(doubled)),
            "floors": .array(
                floors.map { ["name": .string($0.name), "median": .double($0.median)] }
            ),
        ]
        if let floor {
            members["floor"] = ["name": .string(floor.name), "median": .double(floor.median)]
            members["ratio"] = .double(median / floor.median)
        }
        for (name, figure) in details { members[name] = .double(figure) }
        return .map(members)
    }

    /// The report as lines.
    var lines: [String] {
        var lines = ["\(name): \(Self.text(median)) \(unit), median of \(samples.count)"]
        for floor in floors {
            let ratio = Self.text(median / floor.median)
            lines.append("  \(ratio) of \(floor.name): \(Self.text(floor.median)) \(unit)")
        }
        for (name, figure) in details.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(name): \(Self.text(figure))")
        }
        return lines + ["  lost: \(lost), doubled: \(doubled)"]
    }

    /// Prints reports: as JSON one document, the report or an array of several.
    ///
    /// - Throws: ``CommandFailure`` where anything was lost or doubled.
    static func answer(_ reports: [BenchReport], asJSON: Bool) throws(CommandFailure) {
        if asJSON {
            let values = reports.map(\.value)
            Console.current.answer((values.count == 1 ? values[0] : .array(values)).json)
        } else {
            for line in reports.flatMap(\.lines) { Console.current.answer(line) }
        }
        for report in reports where report.lost > 0 || report.doubled > 0 {
            throw CommandFailure(
                .failed,
                "\(report.name): \(report.lost) rows are lost, \(report.doubled) are doubled"
            )
        }
    }

    /// Three digits that count, thousands as they are.
    private static func text(_ figure: Double) -> String {
        guard figure.isFinite else { return "\(figure)" }
        if abs(figure) >= 100 { return HumanText.count(Int64(figure.rounded())) }
        let scale: Double = abs(figure) < 1 ? 1000 : 100
        return "\((figure * scale).rounded() / scale)"
    }
}

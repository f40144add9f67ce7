extension Evaluator {
    /// One series for each group, with what is made of the values of its series at each step.
    func aggregate(
        _ aggregation: Aggregation,
        _ grouping: Grouping,
        _ series: [Series]
    ) -> [Series] {
        Dictionary(grouping: series) { grouping.labels(of: $0.labels) }.map { labels, group in
            Series(
                labels: labels,
                values: (0..<steps.count).map { step in
                    aggregation.value(of: group.compactMap { $0.values[step] })
                }
            )
        }
    }
}

extension Grouping {
    /// The labels by which a series finds its group.
    func labels(of labels: [String: String]) -> [String: String] {
        switch self {
        case .by(let names): labels.filter { names.contains($0.key) }
        case .without(let names):
            labels.filter { !names.contains($0.key) && $0.key != "__name__" }
        }
    }
}

extension Aggregation {
    /// What it makes of some values, nil of none; NaN is never extreme beside a number.
    fileprivate func value(of values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        return switch self {
        case .sum: values.reduce(0, +)
        case .average: values.reduce(0, +) / Double(values.count)
        case .count: Double(values.count)
        case .smallest: values.reduce(.nan) { Double.minimum($0, $1) }
        case .largest: values.reduce(.nan) { Double.maximum($0, $1) }
        }
    }
}

internal import Glibc

extension Evaluator {
    /// What an operator makes of its two sides.
    func combine(
        _ found: Operator,
        _ left: Result,
        _ right: Result,
        _ matching: Matching
    ) throws(PromQLError) -> Result {
        switch (left, right) {
        case (.scalar(let left), .scalar(let right)):
            guard matching.isBool || !found.isComparison else {
                throw .type("comparing two numbers needs `\(found.rawValue) bool`")
            }
            return .scalar(zip(left, right).map(found.number))
        case (.vector(let left), .scalar(let right)):
            return .vector(
                try finished(
                    left.map { series in
                        series.combined(with: right) { found.value($0, $1, $0, matching) }
                    },
                    found,
                    matching
                )
            )
        case (.scalar(let left), .vector(let right)):
            return .vector(
                try finished(
                    right.map { series in
                        series.combined(with: left) { found.value($1, $0, $0, matching) }
                    },
                    found,
                    matching
                )
            )
        case (.vector(let left), .vector(let right)):
            return .vector(try pairs(found, left, right, matching))
        }
    }

    /// Series with the same labels, side by side.
    private func pairs(
        _ found: Operator,
        _ left: [Series],
        _ right: [Series],
        _ matching: Matching
    ) throws(PromQLError) -> [Series] {
        let grouping = matching.labels ?? .without([])
        var partners: [[String: String]: Series] = [:]
        for series in right {
            let key = grouping.labels(of: series.labels)
            guard partners.updateValue(series, forKey: key) == nil else {
                throw ambiguous(key, side: "right")
            }
        }
        var taken: Set<[String: String]> = []
        var result: [Series] = []
        for series in left {
            let key = grouping.labels(of: series.labels)
            guard let partner = partners[key] else { continue }
            guard taken.insert(key).inserted else { throw ambiguous(key, side: "left") }
            var combined = Series(labels: series.labels, values: [])
            combined.values = zip(series.values, partner.values).map { left, right in
                guard let left, let right else { return nil }
                return found.value(left, right, left, matching)
            }
            if matching.labels != nil, !found.isComparison || matching.isBool {
                combined.labels = key
            }
            result.append(combined)
        }
        return try finished(result, found, matching)
    }

    private func ambiguous(_ key: [String: String], side: String) -> PromQLError {
        let labels = key.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
        return .execution(
            "several series on the \(side) fit {\(labels.joined(separator: ", "))}: aggregate "
                + "them first, or match by more labels with `on (…)`"
        )
    }

    /// A comparison keeps its series as they are; all else is something new.
    private func finished(
        _ series: [Series],
        _ found: Operator,
        _ matching: Matching
    ) throws(PromQLError) -> [Series] {
        found.isComparison && !matching.isBool ? series : try distinct(series.map(\.nameless))
    }
}

extension Series {
    /// With what `combine` makes of its value and a number at each step.
    fileprivate func combined(
        with numbers: [Double],
        _ combine: (Double, Double) -> Double?
    ) -> Series {
        Series(
            labels: labels,
            values: zip(values, numbers).map { value, number in
                value.flatMap { combine($0, number) }
            }
        )
    }
}

extension Operator {
    /// Its result as a number; a truth is 1 or 0.
    func number(_ left: Double, _ right: Double) -> Double {
        switch self {
        case .power: pow(left, right)
        case .times: left * right
        case .divided: left / right
        case .remainder: fmod(left, right)
        case .plus: left + right
        case .minus: left - right
        case .equal: left == right ? 1 : 0
        case .unequal: left != right ? 1 : 0
        case .lessOrEqual: left <= right ? 1 : 0
        case .greaterOrEqual: left >= right ? 1 : 0
        case .less: left < right ? 1 : 0
        case .greater: left > right ? 1 : 0
        }
    }

    /// Its result within a vector: a comparison leaves `kept`, or nothing.
    fileprivate func value(
        _ left: Double,
        _ right: Double,
        _ kept: Double,
        _ matching: Matching
    ) -> Double? {
        let number = number(left, right)
        guard isComparison, !matching.isBool else { return number }
        return number == 1 ? kept : nil
    }
}

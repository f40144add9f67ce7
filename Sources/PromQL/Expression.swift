internal import Telemetry

/// An expression of PromQL, as far as it is offered.
indirect enum Expression: Hashable, Sendable {
    case number(Double)
    case selector(Selector)
    /// A function of a selector's samples within `window` before each step.
    case overTime(OverTime, Selector, window: Duration)
    case aggregate(Aggregation, Grouping, Expression)
    case negative(Expression)
    case binary(Operator, Expression, Expression, Matching)
}

/// Which series, and how long before.
struct Selector: Hashable, Sendable {
    /// What their labels must be; the metric's name is the label `__name__`.
    var matchers: [LabelMatcher]
    /// How long before the steps.
    var offset: Duration = .zero
}

/// A function of the samples within a window.
enum OverTime: String, CaseIterable, Hashable, Sendable {
    case average = "avg_over_time"
    case smallest = "min_over_time"
    case largest = "max_over_time"
    case sum = "sum_over_time"
    case count = "count_over_time"
    case last = "last_over_time"
    case rate
    case delta
    case changes

    /// Whether count, smallest, largest and sum of a window tell the result.
    var isFromStatistics: Bool {
        switch self {
        case .average, .smallest, .largest, .sum, .count: true
        case .last, .rate, .delta, .changes: false
        }
    }
}

/// What is made of the series of a group.
enum Aggregation: String, CaseIterable, Hashable, Sendable {
    case sum
    case average = "avg"
    case smallest = "min"
    case largest = "max"
    case count
}

/// Which series make a group.
enum Grouping: Hashable, Sendable {
    /// Those that have the same values of these labels.
    case by([String])
    /// Those that have the same values of all labels but these.
    case without([String])
}

/// An operator between two numbers or vectors.
enum Operator: String, CaseIterable, Hashable, Sendable {
    case power = "^"
    case times = "*"
    case divided = "/"
    case remainder = "%"
    case plus = "+"
    case minus = "-"
    case equal = "=="
    case unequal = "!="
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case less = "<"
    case greater = ">"

    /// The higher, the tighter it binds.
    var strength: Int {
        switch self {
        case .power: 4
        case .times, .divided, .remainder: 3
        case .plus, .minus: 2
        case .equal, .unequal, .lessOrEqual, .greaterOrEqual, .less, .greater: 1
        }
    }

    /// Whether its result is a truth.
    var isComparison: Bool { strength == 1 }
}

/// How the two sides of an operator find each other.
struct Matching: Hashable, Sendable {
    /// Whether a comparison answers 0 and 1 instead of leaving out.
    var isBool = false
    /// Which labels must be equal; nil for all.
    var labels: Grouping?
}

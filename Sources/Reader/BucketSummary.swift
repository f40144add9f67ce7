internal import Telemetry

/// A value that buckets can summarise.
protocol Summarizable: Sendable {
    /// What the value adds to a mean, nil for one that is no number.
    var summand: Double? { get }
    /// Whether the value goes before `other`; asked only where both have a summand.
    func isSmaller(than other: Self) -> Bool
}

extension Double: Summarizable {
    @inline(__always) var summand: Double? { isNaN ? nil : self }
    @inline(__always) func isSmaller(than other: Double) -> Bool { self < other }
}

extension Int64: Summarizable {
    @inline(__always) var summand: Double? { Double(self) }
    @inline(__always) func isSmaller(than other: Int64) -> Bool { self < other }
}

extension Bool: Summarizable {
    @inline(__always) var summand: Double? { self ? 1 : 0 }
    @inline(__always) func isSmaller(than other: Bool) -> Bool { !self && other }
}

extension String: Summarizable {
    var summand: Double? { nil }
    func isSmaller(than other: String) -> Bool { false }
}

/// What one bucket knows about the samples of one field that it has seen.
struct BucketSummary<Element: Summarizable> {
    private(set) var count: Int64 = 0
    /// Those of `count` that are numbers.
    private(set) var numbers: Int64 = 0
    private var sum = 0.0
    private(set) var extremes: (min: Element, max: Element)?
    private(set) var ends: (first: Element, last: Element)?

    /// Adds the sample that follows in time.
    @inline(__always)
    mutating func add(_ value: Element) {
        count += 1
        ends = (ends?.first ?? value, value)
        guard let summand = value.summand else {
            // Invalid samples are the extremes only as long as there is nothing else.
            if extremes == nil { extremes = (value, value) }
            return
        }
        sum += summand
        if numbers == 0 {
            extremes = (value, value)
        } else if let (least, most) = extremes {
            if value.isSmaller(than: least) { extremes?.min = value }
            if most.isSmaller(than: value) { extremes?.max = value }
        }
        numbers += 1
    }

    /// The mean of the numbers, NaN if there are none among the samples, nil without samples.
    var mean: Double? { count == 0 ? nil : numbers == 0 ? .nan : sum / Double(numbers) }
}

/// The summaries of one field, one a bucket, whatever its type.
enum BucketSummaries {
    case doubles([BucketSummary<Double>])
    case ints([BucketSummary<Int64>])
    case bools([BucketSummary<Bool>])
    case strings([BucketSummary<String>])

    init(_ type: FieldType) {
        switch type {
        case .double: self = .doubles([])
        case .int: self = .ints([])
        case .bool: self = .bools([])
        case .string: self = .strings([])
        }
    }

    /// Adds the rows of a column of the same type; `buckets` are the bucket of each run of rows,
    /// which count on from those of earlier columns.
    mutating func add(_ column: Column, _ runs: [(bucket: Int, rows: Range<Int>)]) {
        switch (self, column.values) {
        case (.doubles(var summaries), .doubles(let values)):
            self = .doubles([])
            Self.add(values, column.presence, runs, &summaries)
            self = .doubles(summaries)
        case (.ints(var summaries), .ints(let values)):
            self = .ints([])
            Self.add(values, column.presence, runs, &summaries)
            self = .ints(summaries)
        case (.bools(var summaries), .bools(let values)):
            self = .bools([])
            Self.add(values, column.presence, runs, &summaries)
            self = .bools(summaries)
        case (.strings(var summaries), .strings(let values)):
            self = .strings([])
            Self.add(values, column.presence, runs, &summaries)
            self = .strings(summaries)
        default:
            preconditionFailure("columns are converted to the type of the answer before")
        }
    }

    private static func add<Element: Summarizable>(
        _ values: [Element],
        _ presence: [Bool]?,
        _ runs: [(bucket: Int, rows: Range<Int>)],
        _ summaries: inout [BucketSummary<Element>]
    ) {
        for run in runs {
            while summaries.count <= run.bucket { summaries.append(BucketSummary()) }
            var summary = summaries[run.bucket]
            if let presence {
                for row in run.rows where presence[row] { summary.add(values[row]) }
            } else {
                for row in run.rows { summary.add(values[row]) }
            }
            summaries[run.bucket] = summary
        }
    }

    /// The samples that were counted in each bucket.
    var counts: [Int64] {
        switch self {
        case .doubles(let summaries): summaries.map(\.count)
        case .ints(let summaries): summaries.map(\.count)
        case .bools(let summaries): summaries.map(\.count)
        case .strings(let summaries): summaries.map(\.count)
        }
    }

    /// The columns of the answer, for the buckets of which `kept` is true.
    func columns(kept: [Bool]) -> BucketColumns {
        switch self {
        case .doubles(let summaries): Self.columns(summaries, kept) { .doubles($0) }
        case .ints(let summaries): Self.columns(summaries, kept) { .ints($0) }
        case .bools(let summaries): Self.columns(summaries, kept) { .bools($0) }
        case .strings(let summaries): Self.columns(summaries, kept) { .strings($0) }
        }
    }

    private static func columns<Element: Summarizable>(
        _ all: [BucketSummary<Element>],
        _ kept: [Bool],
        _ column: ([Element?]) -> Column
    ) -> BucketColumns {
        let summaries = zip(all, kept).filter(\.1).map(\.0)
        let isText = Element.self == String.self
        return BucketColumns(
            count: summaries.map(\.count),
            min: column(summaries.map { isText ? nil : $0.extremes?.min }),
            max: column(summaries.map { isText ? nil : $0.extremes?.max }),
            mean: .doubles(summaries.map { isText ? nil : $0.mean }),
            first: column(summaries.map { $0.ends?.first }),
            last: column(summaries.map { $0.ends?.last })
        )
    }
}

internal import ArchiveFormat
internal import Telemetry

/// The buckets of one field, under each type and unit that it was declared with.
struct FieldReduction {
    /// What was declared alike: values of one type in one unit.
    struct Kind {
        /// The newest declaration.
        var field: Field
        /// When rows of it arrived last; below zero if none did.
        var arrival = -1
        var first = Int64.max, last = Int64.min
        var summaries: [BucketSummary] = []
        /// Of texts, the first and last of each bucket.
        var texts: [(first: String, last: String)] = []
    }

    private(set) var kinds: [Kind] = []

    /// The place of the kind that `field` is of.
    mutating func kind(of field: Field) -> Int {
        if let known = kinds.firstIndex(where: {
            $0.field.type == field.type && $0.field.unit == field.unit
        }) {
            return known
        }
        kinds.append(Kind(field: field))
        return kinds.count - 1
    }

    /// Takes note that rows are there, all of them from `first` to `last`.
    mutating func note(
        _ kind: Int,
        _ field: Field,
        arrival: Int,
        from first: Int64,
        to last: Int64
    ) {
        if arrival >= kinds[kind].arrival {
            kinds[kind].arrival = arrival
            kinds[kind].field = field
        }
        kinds[kind].first = min(kinds[kind].first, first)
        kinds[kind].last = max(kinds[kind].last, last)
    }

    mutating func add(_ statistics: Statistics, _ kind: Int, slot: Int) {
        kinds[kind].grow(to: slot)
        let areIntegers = kinds[kind].field.type == .int
        kinds[kind].summaries[slot].add(statistics, areIntegers: areIntegers)
    }

    mutating func add(
        _ column: Column,
        _ kind: Int,
        _ times: [Int64],
        _ stretches: [BucketReduction.Stretch],
        arrival: Int
    ) {
        for (slot, rows) in stretches {
            kinds[kind].grow(to: slot)
            let ends = kinds[kind].summaries[slot].add(column, times, rows, arrival: arrival)
            guard case .strings(let values) = column.values else { continue }
            if let row = ends.first { kinds[kind].texts[slot].first = values[row] }
            if let row = ends.last { kinds[kind].texts[slot].last = values[row] }
        }
    }

    /// The buckets of the answer: those of the newest declaration.
    ///
    /// Of integers and doubles in one unit, both as doubles. There are `count` of them. Nil if no
    /// row came with the field.
    func answer(count: Int) -> Kind? {
        guard let newest = kinds.filter({ $0.arrival >= 0 }).max(by: { $0.arrival < $1.arrival })
        else { return nil }
        var answer = newest
        let double = kinds.first {
            $0.arrival >= 0 && $0.field.type == .double && $0.field.unit == newest.field.unit
        }
        if newest.field.type == .int, let double {
            answer.field = Field(inForceOf: [double.field, newest.field]) ?? newest.field
            answer.summaries = double.summaries
        }
        answer.grow(to: count - 1)
        let integers = kinds.first {
            $0.arrival >= 0 && $0.field.type == .int && $0.field.unit == newest.field.unit
        }
        if answer.field.type == .double, let integers {
            for (slot, summary) in integers.summaries.enumerated() {
                answer.summaries[slot].promote(summary)
            }
        }
        return answer
    }

    /// What is not in the buckets of the answer, whose values are declared as `field`.
    func apart(from field: Field?) -> [KeptApart] {
        guard let field else { return [] }
        return kinds.compactMap { kind in
            let count = kind.summaries.reduce(0) { $0 + $1.count }
            guard count > 0, !kind.field.stands(with: field) else { return nil }
            return KeptApart(
                field: kind.field,
                first: Timestamp(nanoseconds: kind.first),
                last: Timestamp(nanoseconds: kind.last),
                count: Int(count)
            )
        }
    }
}

extension FieldReduction.Kind {
    fileprivate mutating func grow(to slot: Int) {
        guard summaries.count <= slot else { return }
        let missing = slot + 1 - summaries.count
        summaries.append(contentsOf: repeatElement(BucketSummary(), count: missing))
        if field.type == .string {
            texts.append(contentsOf: repeatElement((first: "", last: ""), count: missing))
        }
    }

    /// The statistics of the buckets at `slots`; first and last where all samples were read.
    func columns(of slots: [Int], hasEnds: Bool) -> BucketColumns {
        let picked = slots.map { summaries[$0] }
        let counts = picked.map(\.count)
        let isText = field.type == .string
        return BucketColumns(
            count: counts,
            nans: picked.map(\.statistics.notNumbers),
            min: isText ? .missing(.string, rows: slots.count) : extremes(picked, \.min, \.least),
            max: isText ? .missing(.string, rows: slots.count) : extremes(picked, \.max, \.most),
            mean: .doubles(picked.map { isText ? nil : $0.mean }),
            sum: picked.map { $0.statistics.count > 0 ? $0.statistics.sum : 0 },
            first: hasEnds ? ends(slots, picked, \.first.bits) { $0.first } : nil,
            last: hasEnds ? ends(slots, picked, \.last.bits) { $0.last } : nil
        )
    }

    private func extremes(
        _ summaries: [BucketSummary],
        _ number: (Statistics) -> Double,
        _ integer: (BucketSummary) -> Int64
    ) -> Column {
        switch field.type {
        case .int: .ints(summaries.map { $0.count > 0 ? integer($0) : nil })
        case .bool:
            .bools(summaries.map { $0.count > 0 ? number($0.statistics) != 0 : nil })
        default: .doubles(summaries.map { $0.count > 0 ? number($0.statistics) : nil })
        }
    }

    private func ends(
        _ slots: [Int],
        _ summaries: [BucketSummary],
        _ bits: (BucketSummary) -> UInt64,
        _ text: ((first: String, last: String)) -> String
    ) -> Column {
        switch field.type {
        case .double: .doubles(summaries.map { $0.count > 0 ? Double(bitPattern: bits($0)) : nil })
        case .int: .ints(summaries.map { $0.count > 0 ? Int64(bitPattern: bits($0)) : nil })
        case .bool: .bools(summaries.map { $0.count > 0 ? bits($0) != 0 : nil })
        case .string:
            .strings(zip(slots, summaries).map { $1.count > 0 ? text(texts[$0]) : nil })
        }
    }
}

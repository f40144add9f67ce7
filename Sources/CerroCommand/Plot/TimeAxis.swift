internal import Telemetry

/// The axis of time, in UTC: from a range's start to its end, and the round times within it.
struct TimeAxis: Sendable {
    /// From when to when.
    let range: Range<Timestamp>
    /// The round times, in order.
    let ticks: [Axis.Tick]

    /// The axis of a range that is not empty; `room` says how many ticks fit, given how many
    /// characters each text has.
    init(_ range: Range<Timestamp>, room: (_ characters: Int) -> Int) {
        self.range = range
        let span = range.upperBound - range.lowerBound
        let step =
            Step.all.first { step in
                let characters = step.text(range.lowerBound).count
                return span / step.length <= Double(max(1, room(characters)))
            } ?? .years(100)
        ticks = step.times(in: range).map { time in
            Axis.Tick(place: Self.place(time, range), text: step.text(time))
        }
    }

    /// Where an instant is: 0 at the start of the range, 1 at its end.
    func place(_ time: Timestamp) -> Double { Self.place(time, range) }

    private static func place(_ time: Timestamp, _ range: Range<Timestamp>) -> Double {
        let place =
            (time - range.lowerBound).inSeconds / (range.upperBound - range.lowerBound).inSeconds
        return min(1, max(0, place))
    }
}

/// The distance of ticks in time.
private enum Step {
    /// So many nanoseconds, counted from 1970, shifted by some.
    case even(Int64, shift: Int64 = 0)
    /// So many months of the calendar; they divide a year.
    case months(Int)
    /// So many years.
    case years(Int)

    private static let second: Int64 = 1_000_000_000
    private static let day = 86_400 * second

    /// All of them, shortest first.
    static let all: [Step] = {
        var steps: [Step] = []
        var unit: Int64 = 1
        while unit < second {
            steps += [1, 2, 5].map { .even($0 * unit) }
            unit *= 10
        }
        for (unit, counts) in [
            (second, [1, 2, 5, 10, 15, 30]), (60 * second, [1, 2, 5, 10, 15, 30]),
            (3600 * second, [1, 2, 3, 6, 12]), (day, [1, 2]),
        ] as [(Int64, [Int64])] {
            steps += counts.map { .even($0 * unit) }
        }
        // Weeks begin on Mondays; 1970 began on a Thursday.
        steps += [.even(7 * day, shift: 4 * day), .even(14 * day, shift: 4 * day)]
        return steps + [1, 2, 3, 6].map(Step.months)
            + [1, 2, 5, 10, 20, 50, 100].map(Step.years)
    }()

    /// About how long it is.
    var length: Duration {
        switch self {
        case .even(let nanoseconds, _): .nanoseconds(nanoseconds)
        case .months(let count): .seconds(Int64(count) * 30 * 86_400)
        case .years(let count): .seconds(Int64(count) * 365 * 86_400)
        }
    }

    /// The round times within a range.
    func times(in range: Range<Timestamp>) -> [Timestamp] {
        var times: [Timestamp] = []
        var time = first(from: range.lowerBound)
        while let next = time, next < range.upperBound {
            times.append(next)
            time = after(next)
        }
        return times
    }

    /// What a tick says; as many characters for all times, but for midnights.
    func text(_ time: Timestamp) -> String {
        let calendar = time.utc
        let iso = time.description
        let isMidnight = time.nanoseconds % Self.day == 0
        switch self {
        case .even(let step, _) where step >= Self.day: return String(iso.dropFirst(5).prefix(5))
        case .even where isMidnight: return String(iso.dropFirst(5).prefix(5))
        case .even(let step, _) where step >= 60 * Self.second:
            return String(iso.dropFirst(11).prefix(5))
        case .even(let step, _):
            var digits = 0
            var unit = Self.second
            while unit > step {
                unit /= 10
                digits += 1
            }
            let clock = String(iso.dropFirst(11).prefix(8))
            guard digits > 0 else { return clock }
            let decimals = String(calendar.nanosecond + Int(Self.second)).dropFirst()
            return clock + "." + decimals.prefix(digits)
        case .months: return String(iso.prefix(7))
        case .years: return String(iso.prefix(4))
        }
    }

    private func first(from start: Timestamp) -> Timestamp? {
        let calendar = start.utc
        switch self {
        case .even(let step, let shift):
            let (offset, overflow) = start.nanoseconds.subtractingReportingOverflow(shift)
            guard !overflow else { return nil }
            let rest = offset % step
            let missing = rest > 0 ? step - rest : -rest
            return start + .nanoseconds(missing)
        case .months(let count):
            let first = Timestamp(
                year: calendar.year,
                month: (calendar.month - 1) / count * count + 1,
                day: 1
            )
            return first.flatMap { $0 < start ? after($0) : $0 }
        case .years(let count):
            let first = Timestamp(year: calendar.year / count * count, month: 1, day: 1)
            return first.flatMap { $0 < start ? after($0) : $0 }
        }
    }

    private func after(_ time: Timestamp) -> Timestamp? {
        let calendar = time.utc
        switch self {
        case .even(let step, _):
            let (next, overflow) = time.nanoseconds.addingReportingOverflow(step)
            return overflow ? nil : Timestamp(nanoseconds: next)
        case .months(let count):
            let month = calendar.month - 1 + count
            return Timestamp(year: calendar.year + month / 12, month: month % 12 + 1, day: 1)
        case .years(let count):
            return Timestamp(year: calendar.year + count, month: 1, day: 1)
        }
    }
}

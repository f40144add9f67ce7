extension Timestamp: CustomStringConvertible {
    /// Calendar fields of an instant, in UTC.
    public struct Calendar: Hashable, Sendable {
        /// Year, month 1...12 and day 1...31 of the proleptic Gregorian calendar.
        public let year: Int, month: Int, day: Int
        /// Time of day.
        public let hour: Int, minute: Int, second: Int
        /// Nanoseconds within the second.
        public let nanosecond: Int
    }

    /// The instant as year, month, day and time of day, in UTC.
    ///
    /// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013, `civil_from_days`.
    public var utc: Calendar {
        let (second, nanosecond) = Self.flooredDivision(nanoseconds, 1_000_000_000)
        let (days, secondOfDay) = Self.flooredDivision(second, 86_400)
        let (era, dayOfEra) = Self.flooredDivision(days + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return Calendar(
            year: Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)),
            month: Int(month),
            day: Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1),
            hour: Int(secondOfDay / 3600),
            minute: Int(secondOfDay / 60 % 60),
            second: Int(secondOfDay % 60),
            nanosecond: Int(nanosecond)
        )
    }

    /// ISO 8601 in UTC with the digits that the instant needs: `2026-11-21T05:41:10.5Z`.
    public var description: String {
        let calendar = utc
        var text =
            Self.padded(calendar.year, 4) + "-" + Self.padded(calendar.month, 2) + "-"
            + Self.padded(calendar.day, 2) + "T" + Self.padded(calendar.hour, 2) + ":"
            + Self.padded(calendar.minute, 2) + ":" + Self.padded(calendar.second, 2)
        if calendar.nanosecond > 0 {
            var digits = Self.padded(calendar.nanosecond, 9)
            while digits.last == "0" { digits.removeLast() }
            text += "." + digits
        }
        return text + "Z"
    }

    /// Reads ISO 8601 to the nanosecond; nil for anything else.
    ///
    /// A date, or a date and time with `T` or a blank between, followed by `Z`, an offset such as
    /// `+01:00`, or nothing, which means UTC.
    public init?(iso8601 text: some StringProtocol) {
        var scanner = CalendarScanner(text.utf8)
        guard let instant = scanner.scan() else { return nil }
        self = instant
    }

    /// The instant of a calendar date and time in UTC; nil if the date does not exist.
    ///
    /// Source: H. Hinnant, as above, `days_from_civil`.
    public init?(
        year: Int,
        month: Int,
        day: Int,
        hour: Int = 0,
        minute: Int = 0,
        second: Int = 0,
        nanosecond: Int = 0
    ) {
        guard (1678...2261).contains(year), (1...12).contains(month), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second),
            (0..<1_000_000_000).contains(nanosecond)
        else { return nil }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[month - 1]).contains(day) else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = Self.flooredDivision(Int64(shifted), 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + Int64(dayOfYear)
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        self.init(nanoseconds: seconds * 1_000_000_000 + Int64(nanosecond))
    }

    private static func flooredDivision(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Reads one ISO 8601 instant from the bytes of a text, all of it or nothing.
private struct CalendarScanner {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) {
        rest = ArraySlice(bytes.prefix(64))
    }

    mutating func scan() -> Timestamp? {
        guard let year = digits(4), take("-"), let month = digits(2), take("-"),
            let day = digits(2)
        else { return nil }
        guard !rest.isEmpty else { return Timestamp(year: year, month: month, day: day) }
        guard take("T") || take("t") || take(" "), let hour = digits(2), take(":"),
            let minute = digits(2)
        else { return nil }
        var second = 0
        var nanosecond = 0
        if take(":") {
            guard let value = digits(2) else { return nil }
            second = value
            if take(".") {
                guard let value = fraction() else { return nil }
                nanosecond = value
            }
        }
        guard let offset = offset(), rest.isEmpty,
            let local = Timestamp(
                year: year,
                month: month,
                day: day,
                hour: hour,
                minute: minute,
                second: second,
                nanosecond: nanosecond
            )
        else { return nil }
        return local - .seconds(offset)
    }

    /// Seconds east of Greenwich.
    private mutating func offset() -> Int? {
        if rest.isEmpty || take("Z") || take("z") { return 0 }
        let sign = take("+") ? 1 : take("-") ? -1 : 0
        guard sign != 0, let hours = digits(2), hours < 24 else { return nil }
        _ = take(":")
        let minutes = rest.isEmpty ? 0 : digits(2) ?? 60
        return minutes < 60 ? sign * (hours * 3600 + minutes * 60) : nil
    }

    private mutating func fraction() -> Int? {
        var value = 0
        var count = 0
        while let digit = rest.first, (0x30...0x39).contains(digit) {
            guard count < 9 else { return nil }
            value = value * 10 + Int(digit - 0x30)
            count += 1
            rest.removeFirst()
        }
        guard count > 0 else { return nil }
        for _ in count..<9 { value *= 10 }
        return value
    }

    private mutating func digits(_ count: Int) -> Int? {
        guard rest.count >= count else { return nil }
        var value = 0
        for digit in rest.prefix(count) {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        rest.removeFirst(count)
        return value
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest.removeFirst()
        return true
    }
}

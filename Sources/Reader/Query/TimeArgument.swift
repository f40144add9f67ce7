public import Telemetry

/// An instant as people and programs give it, not yet laid on a clock.
///
/// | given | means |
/// |---|---|
/// | `2026-11-21T05:41:10.5Z`, `2026-11-21` | that instant; without an offset in UTC |
/// | `1795239670.5` (above 0) | Unix time in seconds, exact to the nanosecond |
/// | an integer from 10^17 on | Unix time in nanoseconds (as seconds it would be the year 3e9) |
/// | `now` | now |
/// | `0` | 1970-01-01T00:00:00 where a range starts, now where it ends: the other is of no use |
/// | `-3600`, `-3600.5` | that many seconds before now |
/// | `-1h`, `-90 s`, `now-1.5d` | that long before now; `ns us ms s m min h d w` |
///
/// Numbers are sisock's, whose clients ask until 0 for what there is until now.
/// Numbers between, such as milliseconds, are refused: as seconds they lie beyond 2262.
public enum TimeArgument: Hashable, Sendable {
    /// An instant.
    case instant(Timestamp)
    /// So long before now; zero is now.
    case beforeNow(Duration)

    /// What a time may be, as a phrase for error messages.
    public static let expectation =
        "ISO 8601 (`2026-11-21T05:00:00Z`), Unix seconds, `now`, or a time before now "
        + "(`-1h`, `-90 s`, `-3600`)"

    /// Reads a time; `name` is the argument's, for the error, and it may be where a range starts.
    public init(
        _ text: String,
        argument name: String,
        isStart: Bool = false
    ) throws(QueryError) {
        guard text.utf8.count <= 64, let argument = Self.read(text) else {
            throw .time(argument: name, found: text, expected: Self.expectation)
        }
        let isZero = argument == .beforeNow(.zero) && text.hasPrefix("0")
        self = isZero && isStart ? .instant(Timestamp(nanoseconds: 0)) : argument
    }

    /// Reads the time in a request's arguments: an integer, a double or a text, as in the table.
    public init(
        _ value: Value,
        argument name: String,
        isStart: Bool = false
    ) throws(QueryError) {
        switch value {
        case .string(let text): try self.init(text, argument: name, isStart: isStart)
        case .int(let number): try self.init(String(number), argument: name, isStart: isStart)
        case .double(0): try self.init("0", argument: name, isStart: isStart)
        case .double(let seconds) where abs(seconds) <= Double(Self.mostSeconds):
            self =
                seconds > 0
                ? .instant(Timestamp(unixSeconds: seconds))
                : .beforeNow(.nanoseconds(Int64((-seconds * 1e9).rounded())))
        case .double(let seconds):
            throw .time(argument: name, found: String(seconds), expected: Self.expectation)
        default:
            throw .time(argument: name, found: "\(value)", expected: Self.expectation)
        }
    }

    /// The instant by a clock that shows `now`.
    public func resolved(at now: Timestamp) -> Timestamp {
        switch self {
        case .instant(let instant): instant
        case .beforeNow(let duration): now - duration
        }
    }

    /// The seconds that an Int64 of nanoseconds holds.
    private static let mostSeconds: Int64 = 9_223_372_036

    private static func read(_ text: String) -> TimeArgument? {
        if text == "now" { return .beforeNow(.zero) }
        if text.hasPrefix("now-") { return duration(text.dropFirst(4)).map(Self.beforeNow) }
        if let instant = Timestamp(iso8601: text) { return .instant(instant) }
        let isNegative = text.hasPrefix("-")
        let digits = isNegative ? text.dropFirst() : text[...]
        if let nanoseconds = seconds(digits) {
            guard isNegative || nanoseconds == 0 else {
                return .instant(Timestamp(nanoseconds: nanoseconds))
            }
            return .beforeNow(.nanoseconds(nanoseconds))
        }
        if !isNegative, let nanoseconds = Int64(text), nanoseconds >= 100_000_000_000_000_000 {
            return .instant(Timestamp(nanoseconds: nanoseconds))
        }
        return isNegative ? duration(digits).map(Self.beforeNow) : nil
    }

    /// A duration with its unit.
    private static func duration(_ text: Substring) -> Duration? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(number.count).drop { $0 == " " }
        let factors: [Substring: Int64] = [
            "ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
            "min": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000,
            "w": 604_800_000_000_000,
        ]
        // Seconds are the number in units of 10^-9, exact; the unit scales them.
        guard let factor = factors[unit], let billionths = seconds(number) else { return nil }
        let (whole, fraction) = billionths.quotientAndRemainder(dividingBy: 1_000_000_000)
        let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
        let part = Int64((Double(fraction) / 1e9 * Double(factor)).rounded())
        let (sum, overflowed) = product.addingReportingOverflow(part)
        return overflow || overflowed ? nil : .nanoseconds(sum)
    }

    /// Decimal seconds (`12`, `12.5`) in nanoseconds, without a detour through a double.
    ///
    /// Digits beyond the ninth are cut. Nil for anything else, and beyond what an Int64 holds.
    private static func seconds(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, isDigits(first), let whole = Int64(first),
            whole <= mostSeconds
        else { return nil }
        guard parts.count == 2 else { return whole * 1_000_000_000 }
        guard isDigits(parts[1]) else { return nil }
        var fraction: Int64 = 0
        var place: Int64 = 100_000_000
        for digit in parts[1].utf8.prefix(9) {
            fraction += Int64(digit - UInt8(ascii: "0")) * place
            place /= 10
        }
        let (sum, overflow) = (whole * 1_000_000_000).addingReportingOverflow(fraction)
        return overflow ? nil : sum
    }

    private static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}

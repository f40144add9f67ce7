/// Durations and sizes as people write them: a number, a space, a unit.
enum Quantity {
    /// What a text turned out to be.
    enum Parsed<Result> {
        case value(Result)
        /// It is not one; the text says what is wrong with it and what to write.
        case wrong(String)
    }

    /// The units of a duration, in nanoseconds, smallest first.
    private static let durations: [(name: String, scale: Double)] = [
        ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3600e9),
        ("d", 86_400e9),
    ]

    /// The units of a size, in bytes, in the order of messages.
    private static let sizes: [(name: String, scale: Double)] = [
        ("B", 1), ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824),
        ("TiB", 1_099_511_627_776), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
    ]

    /// What people write instead of a unit, and the unit that they probably mean.
    private static let habits: [String: String] = [
        "µs": "us", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "msec": "ms",
        "millisecond": "ms", "milliseconds": "ms", "m": "min", "mins": "min", "minute": "min",
        "minutes": "min", "hr": "h", "hour": "h", "hours": "h", "day": "d", "days": "d",
        "b": "B", "byte": "B", "bytes": "B", "k": "KiB", "kb": "kB", "kib": "KiB", "mb": "MB",
        "mib": "MiB", "g": "GiB", "gb": "GB", "gib": "GiB", "t": "TiB", "tb": "TB", "tib": "TiB",
    ]

    /// Reads a duration such as `250 ms`; the space may be left out.
    static func duration(_ text: String) -> Parsed<Duration> {
        switch scaled(text, durations, "ns, us, ms, s, min, h and d", bare: "s", largest: 4e18) {
        case .value(let nanoseconds): .value(.nanoseconds(Int64(nanoseconds)))
        case .wrong(let message): .wrong(message)
        }
    }

    /// Reads a size such as `512 MiB`, in bytes; the space may be left out.
    static func byteCount(_ text: String) -> Parsed<Int> {
        switch scaled(
            text,
            sizes,
            "B, KiB, MiB, GiB, TiB, kB, MB, GB and TB",
            bare: "MiB",
            largest: 4e18
        )
        {
        case .value(let bytes): .value(Int(bytes))
        case .wrong(let message): .wrong(message)
        }
    }

    private static func scaled(
        _ text: String,
        _ units: [(name: String, scale: Double)],
        _ names: String,
        bare: String,
        largest: Double
    ) -> Parsed<Double> {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = Double(digits), number.isFinite else {
            return .wrong("expected a number with a unit. Write for example `1 \(bare)`")
        }
        guard !unit.isEmpty else {
            return .wrong("the unit is missing. Write for example `\(digits) \(bare)`")
        }
        guard let scale = units.first(where: { $0.name == unit })?.scale else {
            let meant =
                [String(unit), unit.lowercased()].lazy.compactMap { word in
                    habits[word] ?? units.first { $0.name.lowercased() == word }?.name
                }
                .first { meant in units.contains { $0.name == meant } }
            return .wrong(
                "there is no unit `\(unit.prefix(Limits.quotedCharacters))`: there are \(names)"
                    + (meant.map { ". Write `\(digits) \($0)`" } ?? "")
            )
        }
        let result = (number * scale).rounded()
        guard abs(result) < largest else { return .wrong("that is too much to count") }
        return .value(result)
    }

    /// The shortest exact writing with a unit: `250 ms`, `1 h`.
    static func text(_ duration: Duration) -> String {
        // Not by division of durations, which gives fractions of a nanosecond.
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
        return shortest(nanoseconds, Array(durations.reversed()))
    }

    /// The shortest exact writing with a unit: `512 MiB`, `10 MB`.
    static func text(byteCount: Int) -> String {
        let order = ["TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB", "B"]
        return shortest(
            Double(byteCount),
            order.compactMap { name in sizes.first { $0.name == name } }
        )
    }

    private static func shortest(
        _ value: Double,
        _ units: [(name: String, scale: Double)]
    ) -> String {
        let unit =
            units.first { value != 0 && value.remainder(dividingBy: $0.scale) == 0 }
            ?? units.first { abs(value) >= $0.scale / 2 } ?? (units.last ?? ("", 1))
        return "\(number(value / unit.scale)) \(unit.name)"
    }

    /// A number without a fraction that says nothing: `2`, `0.5`.
    static func number(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }
}

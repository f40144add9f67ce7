internal import Foundation
internal import Telemetry

/// Durations, instants, sizes and values as people read them.
enum HumanText {
    /// A duration in its largest unit, to three digits at most: `3 s`, `1.5 ms`, `2 d 4 h`.
    static func duration(_ duration: Duration) -> String {
        let seconds = duration.inSeconds
        let size = abs(seconds)
        return switch size {
        case 0: "0 s"
        case ..<0.001: number(seconds * 1e6) + " µs"
        case ..<1: number(seconds * 1e3) + " ms"
        case ..<60: number(seconds) + " s"
        case ..<3600: parts(seconds, 60, "min", 1, "s")
        case ..<86_400: parts(seconds, 3600, "h", 60, "min")
        default: parts(seconds, 86_400, "d", 3600, "h")
        }
    }

    /// How long ago an instant was: `3 s ago`, `in 2 min`, `now` for less than a second.
    static func age(of instant: Timestamp, at now: Timestamp) -> String {
        let passed = now - instant
        if abs(passed.inSeconds) < 1 { return "now" }
        let whole = Duration.seconds(Int64(abs(passed.inSeconds)))
        return passed < .zero ? "in " + duration(whole) : duration(whole) + " ago"
    }

    /// A size in the largest binary unit that leaves at least 1: `512 B`, `1.5 MiB`.
    static func byteCount(_ bytes: Int64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(bytes)
        var unit = 0
        while abs(value) >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return number(value) + " " + units[unit]
    }

    /// A count with thousands set apart: `17,280,000`.
    static func count(_ count: Int64) -> String {
        let digits = String(count.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return count < 0 ? "-" + text : text
    }

    /// Why something failed, as the beginning of a sentence: Foundation ends its own, mostly.
    static func reason(_ error: any Error) -> String {
        let text = error.localizedDescription
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// How many there are: `1 file`, `1,200 files`.
    static func many(_ count: Int, _ one: String, _ several: String) -> String {
        self.count(Int64(count)) + " " + (count == 1 ? one : several)
    }

    /// How many records: `1 record`, `1,200 records`.
    static func records(_ count: Int64) -> String { many(Int(count), "record", "records") }

    /// How many problems: `1 problem`, `12 problems`.
    static func problems(_ count: Int) -> String { many(count, "problem", "problems") }

    /// A value as a cell of a table: texts as they are, maps and lists as JSON.
    static func value(_ value: Value) -> String {
        switch value {
        case .null: "-"
        case .string(let text): text
        case .double(let number): number.description
        default: value.json
        }
    }

    /// At most three digits that count, without zeros at the end.
    private static func number(_ value: Double) -> String {
        let size = abs(value)
        let scale: Double = size < 10 ? 100 : size < 100 ? 10 : 1
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? String(Int64(rounded)) : rounded.description
    }

    private static func parts(
        _ seconds: Double,
        _ unit: Int64,
        _ name: String,
        _ smaller: Int64,
        _ smallerName: String
    ) -> String {
        let whole = Int64(seconds.rounded(.towardZero))
        let rest = abs(whole % unit / smaller)
        return "\(whole / unit) \(name)" + (rest > 0 ? " \(rest) \(smallerName)" : "")
    }
}

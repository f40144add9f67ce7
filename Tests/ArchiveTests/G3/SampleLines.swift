import Foundation
import Telemetry

/// The samples that a script of so3g wrote or read: for each field times in ticks of 10 ns, and
/// bits.
struct SampleLines {
    struct Samples: Equatable {
        var ticks: [Int64] = []
        var bits: [String] = []
    }

    /// By `instance.feed.field`.
    private(set) var fields: [String: Samples] = [:]

    /// Reads the lines of a script.
    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            let parts = words[0].split(separator: ".").map(String.init)
            let name = "\(parts[1]).\(parts[3]).\(parts[4])"
            for word in words.dropFirst(2) {
                let sides = word.split(
                    separator: ":",
                    maxSplits: 1,
                    omittingEmptySubsequences: false
                )
                fields[name, default: Samples()].ticks.append(Int64(sides[0]) ?? -1)
                fields[name]?.bits.append(String(sides[1]))
            }
        }
    }

    /// The samples of a column, as a script would write them; integers as doubles if `type` says so.
    static func samples(_ timestamps: [Timestamp], _ column: Column) -> Samples {
        var samples = Samples()
        for (row, timestamp) in timestamps.enumerated() where column.isPresent(row) {
            samples.ticks.append(timestamp.nanoseconds / 10)
            samples.bits.append(text(column, row))
        }
        return samples
    }

    /// The bits of integers in words like those of doubles.
    static func asDouble(_ bits: String) -> String {
        Int64(bits).map { text(.doubles([Double($0)]), 0) } ?? bits
    }

    private static func text(_ column: Column, _ row: Int) -> String {
        switch column.values {
        case .doubles(let values):
            let digits = String(values[row].bitPattern, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        case .ints(let values): return String(values[row])
        case .bools(let values): return String(values[row])
        case .strings(let values):
            return "'" + values[row].utf8.map { byte in
                let digits = String(byte, radix: 16)
                return byte < 16 ? "0\(digits)" : digits
            }.joined()
        }
    }
}

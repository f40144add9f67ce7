internal import Foundation

/// The axis of values: which values it spans, and the round ones among them.
struct ValueAxis: Sendable {
    /// The value at its lower end, and the one at its upper end.
    let low: Double, high: Double
    /// The round values, from below.
    let ticks: [Axis.Tick]
    /// The unit of the texts.
    let unit: String

    /// The axis for values of an extent, with a little room at both ends.
    ///
    /// A field that is constant has its line in the middle. Sizes in bytes are told in the binary
    /// unit that keeps them short.
    ///
    /// - Parameters:
    ///   - extent: the least and greatest value, both finite.
    ///   - unit: the unit of the values; empty for pure numbers.
    ///   - most: ticks at most; at least 2.
    init(_ extent: ClosedRange<Double>, unit: String, most: Int) {
        // A quarter of what a double holds, so that differences are finite too.
        let most = max(2, most), bound = Double.greatestFiniteMagnitude / 4
        let cut = extent.clamped(to: -bound...bound)
        var (low, high) = (cut.lowerBound, cut.upperBound)
        let size = max(abs(low), abs(high))
        if high - low <= size * 1e-12 {
            // Nothing finer can be told apart.
            let room = size == 0 ? 1 : max(size / 100, Double.leastNormalMagnitude * 1e20)
            (low, high) = (low - room, high + room)
        } else {
            let room = (high - low) / 25
            (low, high) = (low - room, high + room)
        }
        self.low = low
        self.high = high
        let scale = Self.scale(of: max(abs(low), abs(high)), unit)
        self.unit = scale.unit
        let step = Self.step((high - low) / scale.factor, most)
        let first = (low / scale.factor / step).rounded(.up)
        let count = max(0, (high / scale.factor / step - first).rounded(.down))
        ticks = (0...Int(min(count, Double(most)))).compactMap { number in
            let value = (first + Double(number)) * step
            let place = (value * scale.factor - low) / (high - low)
            guard (0...1).contains(place) else { return nil }
            return Axis.Tick(place: place, text: Self.text(value, step: step))
        }
    }

    /// Where a value is: 0 at the lower end, 1 at the upper one.
    func place(_ value: Double) -> Double {
        min(1, max(0, (value - low) / (high - low)))
    }

    /// A value of a field with up to six figures, and its unit.
    static func text(_ value: Double, unit: String) -> String {
        let scale = scale(of: abs(value), unit)
        let number = String(format: "%.6g", value / scale.factor).replacing("e-0", with: "e-")
            .replacing("e+0", with: "e+")
        return scale.unit.isEmpty ? number : number + " " + scale.unit
    }

    /// The least of 1, 2 and 5 times a power of ten with which at most `most` ticks are there.
    private static func step(_ span: Double, _ most: Int) -> Double {
        let least = span / Double(most)
        let exponent = log10(least).rounded(.down)
        let power = pow(10, exponent)
        return [1, 2, 5, 10].lazy.map { $0 * power }.first { $0 >= least } ?? power * 10
    }

    /// A tick's value with the digits that tell it from its neighbours.
    private static func text(_ value: Double, step: Double) -> String {
        let size = abs(value)
        let digits = Int(-log10(step * 1.000001).rounded(.down))
        if size != 0, size >= 1e7 || digits > 6 {
            let figures = Int(log10(size).rounded(.down)) + digits
            return String(format: "%.\(min(15, max(0, figures)))e", value)
                .replacing("e-0", with: "e-").replacing("e+0", with: "e")
        }
        return String(format: "%.\(max(0, digits))f", size == 0 ? 0 : value)
    }

    private static func scale(of size: Double, _ unit: String) -> (factor: Double, unit: String) {
        guard unit == "B" else { return (1, unit) }
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var step = 0
        var factor = 1.0
        while size / factor >= 4096, step < units.count - 1 {
            factor *= 1024
            step += 1
        }
        return (factor, units[step])
    }
}

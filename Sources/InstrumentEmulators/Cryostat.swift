internal import Glibc

/// A cryostat that cools down: what emulated thermometers show.
struct Cryostat: Sendable {
    /// Kelvins at the start and at the end.
    var from: Double, to: Double
    /// The time in which the difference shrinks to a third (1/e), in seconds.
    var seconds: Double
    /// The noise, as a fraction of the temperature.
    var noise = 2e-4

    /// The temperature `elapsed` seconds after the start, in kelvins; `chance` makes the noise.
    func kelvins(after elapsed: Double, chance: inout Chance) -> Double {
        let calm = to + (from - to) * exp(-max(elapsed, 0) / seconds)
        let swing = 1 + 1e-3 * sin(elapsed / 47)
        return calm * swing * (1 + noise * chance.gaussian())
    }

    /// The resistance of a germanium-like sensor, in ohms: high where it is cold.
    static func ohms(at kelvins: Double) -> Double {
        800 * exp(min(pow(1.6 / max(kelvins, 0.005), 0.4), 12))
    }
}

/// Numbers by chance that are the same in every run (SplitMix64).
///
/// Source: G. Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
struct Chance: Sendable, RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number of mean 0 and deviation 1 (the sum of twelve uniform ones).
    mutating func gaussian() -> Double {
        (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
    }
}

/// How instruments print numbers.
enum Print {
    /// `+293.873E+00`: sign, `places` decimals, exponent a multiple of three.
    static func engineering(_ value: Double, places: Int = 3) -> String {
        guard value != 0, value.isFinite else { return "+000.000E+00" }
        var exponent = 0
        var mantissa = abs(value)
        while mantissa >= 1000, exponent < 30 {
            (mantissa, exponent) = (mantissa / 1000, exponent + 3)
        }
        while mantissa < 1, exponent > -30 {
            (mantissa, exponent) = (mantissa * 1000, exponent - 3)
        }
        return (value < 0 ? "-" : "+") + fixed(mantissa, places: places, whole: 3) + "E"
            + (exponent < 0 ? "-" : "+") + padded(abs(exponent), 2)
    }

    /// A number with `places` decimals and at least `whole` digits before them.
    static func fixed(_ value: Double, places: Int, whole: Int = 1) -> String {
        let scale = pow(10, Double(places))
        let (units, fraction) = Int64((abs(value) * scale).rounded())
            .quotientAndRemainder(dividingBy: Int64(scale))
        return (value < 0 ? "-" : "") + padded(Int(units), whole) + "."
            + padded(Int(fraction), places)
    }

    /// A whole number with at least `digits` digits.
    static func padded(_ value: Int, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

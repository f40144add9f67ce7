internal import Glibc

/// The false temperatures: for each channel a sine of its own period, with noise.
///
/// The same seed gives the same numbers. Noise is SplitMix64.
/// Source: G. Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
struct Wave: Sendable {
    private var state: UInt64

    /// Waves whose noise follows from `seed`.
    init(seed: UInt64) {
        state = seed
    }

    /// The temperature of `channel`, from 0, `seconds` after the start, in kelvins.
    mutating func kelvins(of channel: Int, at seconds: Double) -> Double {
        let period = 60 + 7 * Double(channel)
        return 100 + Double(channel) + 5 * sin(2 * .pi * seconds / period) + 0.05 * noise()
    }

    /// A number from -1 to 1.
    private mutating func noise() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double(Int64(bitPattern: mixed)) / 9.223372036854775808e18
    }
}

internal import Foundation

/// Random numbers that are the same for the same seed, on every machine.
///
/// Source: S. Vigna, splitmix64.c, 2015: a generator of 64 bits of state.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    /// The second of two normal numbers that are made together.
    private var spare: Double?

    init(_ seed: UInt64) {
        state = seed &* 0xD1B5_4A32_D192_ED03 &+ 0x2545_F491_4F6C_DD1D
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// A number from 0 to just below 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// An integer from 0 to just below `bound`.
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// A number of the normal distribution with mean 0 and deviation 1.
    ///
    /// Source: G. Marsaglia and T. A. Bray, "A convenient method for generating normal variables",
    /// SIAM Review 6(3), 1964, pages 260-264.
    mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        while true {
            let across = 2 * unit() - 1
            let up = 2 * unit() - 1
            let square = across * across + up * up
            guard square < 1, square > 0 else { continue }
            let scale = (-2 * log(square) / square).squareRoot()
            spare = up * scale
            return across * scale
        }
    }
}

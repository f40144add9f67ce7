/// The indices of the values in an MMR3 and an MGC3.
///
/// Source: the `mmr3` and `mgc3` drivers of fluidlab, which agree with the laboratory classes for
/// the same modules: MMR3 channels are 11 apart from 3 on, MGC3 loops 12 apart from 1 on.
enum IMacRTRegisters {
    /// Resistance, temperature and status of MMR3 channel 1, 2 or 3.
    static func thermometer(_ channel: Int) -> [Int] {
        let first = 3 + 11 * (channel - 1)
        return [first, first + 2, first + 3]
    }

    /// State, set point, measurement, power and status of MGC3 loop 0, 1 or 2.
    static func regulation(_ loop: Int) -> [Int] {
        [isOn(loop), setPoint(loop), setPoint(loop) + 1, isOn(loop) + 8, isOn(loop) + 9]
    }

    /// Whether loop 0, 1 or 2 regulates: 1 or 0.
    static func isOn(_ loop: Int) -> Int { 1 + 12 * loop }

    /// The set point of loop 0, 1 or 2, in kelvins.
    static func setPoint(_ loop: Int) -> Int { 2 + 12 * loop }

    /// P (W/K), I (1/s) and D (s) of loop 0, 1 or 2.
    static func pid(_ loop: Int) -> [Int] { (4...6).map { $0 + 12 * loop } }
}

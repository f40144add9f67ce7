internal import Telemetry

/// What one iMACRT module remembers and answers: a datagram in, a datagram or nothing out.
///
/// Indices are those of the `MMR3GET` and `MGC3GET` commands: three channels of 11 values from
/// index 3 for an MMR3, three loops of 12 values from index 1 for an MGC3. Only values that the
/// real module lets one write can be written.
struct IMacRTModel: Sendable {
    /// The two kinds of module.
    enum Kind: String, Sendable {
        case mmr3 = "MMR3"
        case mgc3 = "MGC3"
    }

    private static let stages = [
        Cryostat(from: 293, to: 3.6, seconds: 2400), Cryostat(from: 4.6, to: 0.9, seconds: 1500),
        Cryostat(from: 4.6, to: 0.28, seconds: 1800),
    ]

    private let kind: Kind
    private let startedAt: Double
    private var registers: [Int: Double] = [:]
    private var chance: Chance

    /// A module that was switched on at the monotonic time `now`.
    init(_ kind: Kind, at now: Duration, seed: UInt64) {
        self.kind = kind
        startedAt = now.inSeconds
        chance = Chance(seed: seed)
        restart()
    }

    /// Forgets everything that was written.
    mutating func restart() {
        registers = [:]
        for part in 0..<3 {
            switch kind {
            case .mmr3:
                let first = 3 + 11 * part
                for (offset, value) in [(4, 100.0), (5, 1), (6, 1), (7, 3), (8, 2), (9, 1e-5)] {
                    registers[first + offset] = value
                }
            case .mgc3:
                let first = 1 + 12 * part
                let values = [
                    (0, 0.0), (1, 0.3), (3, 1e-2), (4, 5e-2), (5, 0), (6, 1e-3), (7, 120),
                ]
                for (offset, value) in values { registers[first + offset] = value }
                registers[first + 11] = Double(part + 1)
                registers[37 + 2 * part] = 0
            }
        }
    }

    /// The answer to one datagram at the monotonic time `now`; nil for commands and unknown words.
    mutating func answer(_ datagram: String, at now: Duration) -> String? {
        let words = datagram.split(whereSeparator: \.isWhitespace).map(String.init)
        if words.first == "*IDN?" || words.first == "*IDN" { return "\(kind.rawValue) 1.17" }
        guard words.count >= 2, let index = Int(words[1]) else { return nil }
        if words[0] == kind.rawValue + "GET", words.count == 2 {
            return value(index, now.inSeconds - startedAt).map { Print.scientific($0) }
        }
        if words[0] == kind.rawValue + "SET", words.count == 3, let value = Double(words[2]),
            registers[index] != nil
        {
            registers[index] = value
        }
        return nil
    }

    private mutating func value(_ index: Int, _ elapsed: Double) -> Double? {
        if let written = registers[index] { return written }
        switch kind {
        case .mmr3:
            if index == 2 { return 298.4 }
            guard (3...35).contains(index) else { return nil }
            let (channel, offset) = (index - 3).quotientAndRemainder(dividingBy: 11)
            let kelvins = Self.stages[channel].kelvins(after: elapsed, chance: &chance)
            switch offset {
            case 0: return Cryostat.ohms(at: kelvins)
            case 1: return 2
            case 2: return kelvins
            default: return 0
            }
        case .mgc3:
            if index == 0 { return 299.1 }
            guard (1...36).contains(index) else { return nil }
            let (loop, offset) = (index - 1).quotientAndRemainder(dividingBy: 12)
            let kelvins = Self.stages[loop].kelvins(after: elapsed, chance: &chance)
            let isOn = registers[1 + 12 * loop] == 1
            let setPoint = registers[2 + 12 * loop] ?? 0
            switch offset {
            case 2: return isOn ? max(kelvins, setPoint) : kelvins
            case 8: return isOn ? max(0, min(1e-3, (setPoint - kelvins) * 1e-2)) : 0
            default: return 0
            }
        }
    }
}

extension Print {
    /// `4.215300E+00`: one digit, six decimals, exponent.
    static func scientific(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return "0.000000E+00" }
        var exponent = 0
        var mantissa = abs(value)
        while mantissa >= 10, exponent < 300 {
            (mantissa, exponent) = (mantissa / 10, exponent + 1)
        }
        while mantissa < 1, exponent > -300 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        return (value < 0 ? "-" : "") + fixed(mantissa, places: 6) + "E"
            + (exponent < 0 ? "-" : "+") + padded(abs(exponent), 2)
    }
}

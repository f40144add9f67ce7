internal import Telemetry

/// What a Lake Shore 372 remembers and answers: a line in, a line out, no socket.
///
/// Channels 1 to 4 are enabled thermometers of a cryostat that cools down; channel 4 is above its
/// range until it is cold (`RDGST?` 16), and the other channels are disabled. The scanner moves by
/// the pause and dwell of each channel. `KRDG?` of a channel that is not connected repeats its
/// last reading, as the instrument does.
struct Lakeshore372Model: Sendable {
    private struct Input {
        var isEnabled: Bool, dwell = 5, pause = 1, curve: Int
        var type = [0, 4, 1, 10, 0, 1]
        var last: Double?
    }

    private static let stages = [
        Cryostat(from: 293, to: 42, seconds: 1800), Cryostat(from: 290, to: 3.4, seconds: 2400),
        Cryostat(from: 4.5, to: 0.82, seconds: 900), Cryostat(from: 4.5, to: 0.098, seconds: 1200),
    ]

    private var inputs: [Input]
    private var autoscan = true
    private var active = 1
    private var movedAt: Double
    private let startedAt: Double
    private var ranges = [0, 0, 0]
    private var still = 0.0
    private var chance: Chance

    /// A bridge that was switched on at the monotonic time `now`.
    init(at now: Duration, seed: UInt64) {
        startedAt = now.inSeconds
        movedAt = now.inSeconds
        chance = Chance(seed: seed)
        inputs = (1...16).map { Input(isEnabled: $0 <= 4, curve: $0 <= 4 ? 20 + $0 : 0) }
    }

    /// The answer to one line at the monotonic time `now`; nil for commands and unknown words.
    mutating func answer(_ line: String, at now: Duration) -> String? {
        move(to: now.inSeconds)
        let words = line.split { $0 == " " || $0 == "\r" }.map(String.init)
        guard let word = words.first else { return nil }
        let arguments = words.dropFirst().joined().split(separator: ",").map(String.init)
        let numbers = arguments.map { Double($0) }
        let first = numbers.first.flatMap { $0 }.flatMap { Int(exactly: $0) }
        if word.hasSuffix("?") { return query(word, first, now.inSeconds) }
        command(word, numbers.compactMap(\.self), now.inSeconds)
        return nil
    }

    private mutating func query(_ word: String, _ first: Int?, _ now: Double) -> String? {
        switch word {
        case "*IDN?": return "LSCI,MODEL372,LSA2372,1.3"
        case "SCAN?": return Print.padded(active, 2) + "," + (autoscan ? "1" : "0")
        case "STILL?": return "+" + Print.fixed(still, places: 2)
        case "RANGE?":
            guard let first, ranges.indices.contains(first) else { return nil }
            return String(ranges[first])
        default: break
        }
        guard let first, (1...16).contains(first) else { return nil }
        let input = inputs[first - 1]
        switch word {
        case "KRDG?", "RDGK?": return Print.engineering(kelvins(first, now) ?? 0)
        case "SRDG?", "RDGR?":
            return Print.engineering(kelvins(first, now).map(Cryostat.ohms) ?? 0)
        case "RDGST?": return Print.padded(status(first, now), 3)
        case "RDGPWR?": return Print.engineering(1e-12)
        case "INSET?":
            return (input.isEnabled ? "1," : "0,") + Print.padded(input.dwell, 3) + ","
                + Print.padded(input.pause, 3) + "," + Print.padded(input.curve, 2) + ",1"
        case "INTYPE?":
            return input.type.enumerated()
                .map { $0.offset == 1 ? Print.padded($0.element, 2) : String($0.element) }
                .joined(separator: ",")
        case "INNAME?": return "Channel \(Print.padded(first, 2))"
        default: return nil
        }
    }

    private mutating func command(_ word: String, _ numbers: [Double], _ now: Double) {
        let whole = numbers.compactMap { Int(exactly: $0) }
        switch (word, whole.count) {
        case ("SCAN", 2) where (1...16).contains(whole[0]) && (0...1).contains(whole[1]):
            (active, autoscan, movedAt) = (whole[0], whole[1] == 1, now)
        case ("RANGE", 2) where ranges.indices.contains(whole[0]) && (0...8).contains(whole[1]):
            ranges[whole[0]] = whole[1]
        case ("INTYPE", 7) where (1...16).contains(whole[0]):
            inputs[whole[0] - 1].type = Array(whole.dropFirst())
        case ("INSET", 6) where (1...16).contains(whole[0]):
            inputs[whole[0] - 1].isEnabled = whole[1] == 1
            inputs[whole[0] - 1].dwell = min(max(whole[2], 1), 200)
            inputs[whole[0] - 1].pause = min(max(whole[3], 0), 200)
            inputs[whole[0] - 1].curve = whole[4]
        case ("STILL", _):
            if let percent = numbers.first, (0...100).contains(percent) { still = percent }
        default: break
        }
    }

    private mutating func kelvins(_ channel: Int, _ now: Double) -> Double? {
        guard inputs[channel - 1].isEnabled, channel <= Self.stages.count else { return nil }
        if channel != active, let last = inputs[channel - 1].last { return last }
        var kelvins = Self.stages[channel - 1].kelvins(after: now - startedAt, chance: &chance)
        if channel >= 3 { kelvins += Double(ranges[0]) * 0.002 }
        inputs[channel - 1].last = kelvins
        return kelvins
    }

    private func status(_ channel: Int, _ now: Double) -> Int {
        guard inputs[channel - 1].isEnabled else { return 1 }
        let isBeyondRange = channel == 4 && now - startedAt < 30
        return isBeyondRange ? 16 : 0
    }

    /// Lets the scanner go where it is by now.
    private mutating func move(to now: Double) {
        guard autoscan else { return }
        let enabled = (1...16).filter { inputs[$0 - 1].isEnabled }
        let round = enabled.reduce(0) { $0 + inputs[$1 - 1].dwell + inputs[$1 - 1].pause }
        guard !enabled.isEmpty, round > 0 else { return }
        // Whole rounds end where they began.
        movedAt += ((now - movedAt) / Double(round)).rounded(.down) * Double(round)
        while true {
            let stay = Double(inputs[active - 1].dwell + inputs[active - 1].pause)
            guard now - movedAt >= stay else { return }
            movedAt += stay
            active = enabled.first { $0 > active } ?? enabled[0]
        }
    }
}

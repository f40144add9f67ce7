internal import Telemetry

/// What one pass over the bridge found.
package struct Lakeshore372Reading: Hashable, Sendable {
    /// The channel that the scanner connects, 1 to 16, and whether it moves on by itself.
    var channel: Int, autoscan: Bool
    /// The reading; nil where it is invalid or not settled yet.
    var kelvin: Double?, ohm: Double?
    /// The bit sum of `RDGST?`; nil while the channel is not settled.
    var status: Int?
}

/// The questions and answers of a Lake Shore 372: identification, then passes.
///
/// The bridge is one, behind a scanner: only the channel that it is connected to is measured, and
/// for the others `KRDG?` repeats an old number. So a pass asks for the active channel only, once
/// it has settled, and asks again at its end whether the scanner has moved meanwhile.
///
/// Source: Lake Shore 372 commands as the drivers of the Simons Observatory (`socs`) use them.
package struct Lakeshore372Dialogue: Sendable {
    /// What the dialogue wants next.
    package enum Action: Hashable {
        /// A question to the instrument; its answer goes to ``answer(_:at:)``.
        case ask(String)
        /// The instrument is a 372.
        case identified
        /// The pass is over.
        case finished(Lakeshore372Reading)
        /// It is another instrument.
        case wrong(found: String, expected: String)
        /// The answer makes no sense; the connection has to go.
        case garbled(found: String, expected: String)
    }

    /// The setup of a channel, from `INSET?`.
    private struct Input {
        var isEnabled: Bool, pause: Duration, hasCurve: Bool
    }

    private enum State {
        case unidentified, identifying(thenPass: Bool), idle
        case scan
        case input(channel: Int, autoscan: Bool)
        case kelvin(Lakeshore372Reading)
        case ohm(Lakeshore372Reading)
        case status(Lakeshore372Reading)
        case scanAgain(Lakeshore372Reading)
    }

    /// The longest time between two looks at the scanner after which it cannot have been elsewhere
    /// and back: two changes take longer than that.
    static let longestLook = Duration.seconds(2)
    /// Bits of the reading status that leave the resistance valid: temperature over and under.
    private static let temperatureBits = 64 | 128

    private let settle: Duration
    private var state = State.unidentified
    private var active: (channel: Int, since: Duration, input: Input)?
    private var lastLook = Duration.zero

    /// A dialogue that discards readings for the channel's pause + `settle` after each change.
    package init(settle: Duration) {
        self.settle = settle
    }

    /// A new connection: nothing that was known holds.
    package mutating func connected() {
        state = .unidentified
        active = nil
    }

    /// Begins the identification, if the instrument is not known yet.
    package mutating func identify() -> Action {
        guard case .unidentified = state else { return .identified }
        state = .identifying(thenPass: false)
        return .ask("*IDN?")
    }

    /// Begins a pass, with the identification first on a new connection.
    package mutating func beginPass() -> Action {
        if case .unidentified = state {
            state = .identifying(thenPass: true)
            return .ask("*IDN?")
        }
        state = .scan
        return .ask("SCAN?")
    }

    /// Takes the answer to the last question, at the monotonic time `now`.
    package mutating func answer(_ text: String, at now: Duration) -> Action {
        switch state {
        case .identifying(let thenPass): return identified(text, thenPass)
        case .scan: return scanned(text, now)
        case .input(let channel, let autoscan): return input(text, channel, autoscan, now)
        case .kelvin(var reading):
            guard let number = Text.number(text) else { return garbled(text, "kelvin") }
            reading.kelvin = number
            state = .ohm(reading)
            return .ask("SRDG? \(reading.channel)")
        case .ohm(var reading):
            guard let number = Text.number(text) else { return garbled(text, "ohm") }
            reading.ohm = number
            state = .status(reading)
            return .ask("RDGST? \(reading.channel)")
        case .status(let reading): return judged(text, reading)
        case .scanAgain(let reading): return confirmed(text, reading)
        case .unidentified, .idle: return garbled(text, "no answer, since nothing was asked")
        }
    }

    private mutating func identified(_ text: String, _ thenPass: Bool) -> Action {
        let parts = Text.list(text)
        guard parts.count >= 2 else { return garbled(text, "LSCI,MODEL372,serial,firmware") }
        guard parts[1] == "MODEL372" else {
            state = .unidentified
            return .wrong(found: text, expected: "LSCI,MODEL372")
        }
        state = .idle
        return thenPass ? beginPass() : .identified
    }

    private mutating func scanned(_ text: String, _ now: Duration) -> Action {
        guard let (channel, autoscan) = Self.scan(text) else { return garbled(text, "01,1") }
        let mayHaveMoved = autoscan && now - lastLook > Self.longestLook
        lastLook = now
        guard let active, active.channel == channel, !mayHaveMoved else {
            state = .input(channel: channel, autoscan: autoscan)
            return .ask("INSET? \(channel)")
        }
        return look(at: channel, autoscan, now)
    }

    private mutating func input(
        _ text: String,
        _ channel: Int,
        _ autoscan: Bool,
        _ now: Duration
    ) -> Action {
        let parts = Text.list(text).map { Text.integer($0) }
        guard parts.count == 5, let enabled = parts[0], let pause = parts[2], let curve = parts[3],
            (0...200).contains(pause)
        else { return garbled(text, "1,007,003,21,1") }
        let input = Input(
            isEnabled: enabled == 1,
            pause: .seconds(pause),
            hasCurve: curve > 0
        )
        active = (channel, now, input)
        return look(at: channel, autoscan, now)
    }

    /// Asks for the reading, or ends the pass without one while it is not settled.
    private mutating func look(at channel: Int, _ autoscan: Bool, _ now: Duration) -> Action {
        let reading = Lakeshore372Reading(channel: channel, autoscan: autoscan)
        guard let active, active.input.isEnabled,
            now - active.since >= active.input.pause + settle
        else {
            state = .idle
            return .finished(reading)
        }
        state = .kelvin(reading)
        return .ask("KRDG? \(channel)")
    }

    private mutating func judged(_ text: String, _ before: Lakeshore372Reading) -> Action {
        guard let bits = Text.integer(text), (0...255).contains(bits) else {
            return garbled(text, "a reading status from 000 to 255")
        }
        var reading = before
        reading.status = bits
        if bits != 0 || active?.input.hasCurve == false { reading.kelvin = nil }
        if bits & ~Self.temperatureBits != 0 { reading.ohm = nil }
        state = .scanAgain(reading)
        return .ask("SCAN?")
    }

    private mutating func confirmed(_ text: String, _ reading: Lakeshore372Reading) -> Action {
        guard let (channel, autoscan) = Self.scan(text) else { return garbled(text, "01,1") }
        state = .idle
        guard channel != reading.channel else { return .finished(reading) }
        return .finished(Lakeshore372Reading(channel: channel, autoscan: autoscan))
    }

    private mutating func garbled(_ found: String, _ expected: String) -> Action {
        connected()
        return .garbled(found: found, expected: expected)
    }

    private static func scan(_ text: String) -> (channel: Int, autoscan: Bool)? {
        let parts = Text.list(text).map { Text.integer($0) }
        guard parts.count == 2, let channel = parts[0], (1...16).contains(channel),
            let autoscan = parts[1], (0...1).contains(autoscan)
        else { return nil }
        return (channel, autoscan == 1)
    }
}

import Telemetry
import Testing

@testable import InstrumentAgents

@Suite("Lake Shore 372, questions and answers")
struct Lakeshore372DialogueTests {
    /// A dialogue that is identified and has seen channel 1, settled at 2 s.
    private func settled(curve: String = "21") -> Lakeshore372Dialogue {
        var dialogue = Lakeshore372Dialogue(settle: .seconds(1))
        #expect(dialogue.beginPass() == .ask("*IDN?"))
        #expect(dialogue.answer("LSCI,MODEL372,LSA23JD,1.3", at: .zero) == .ask("SCAN?"))
        #expect(dialogue.answer("01,1", at: .zero) == .ask("INSET? 1"))
        let none = Lakeshore372Reading(channel: 1, autoscan: true)
        #expect(dialogue.answer("1,007,001,\(curve),1", at: .zero) == .finished(none))
        return dialogue
    }

    /// One pass with these answers at `now`.
    private func pass(
        _ dialogue: inout Lakeshore372Dialogue,
        _ answers: [String],
        at seconds: Double
    ) -> Lakeshore372Dialogue.Action {
        var action = dialogue.beginPass()
        for answer in answers { action = dialogue.answer(answer, at: .seconds(seconds)) }
        return action
    }

    @Test("a settled channel gives its kelvins, ohms and status")
    func settledChannel() {
        var dialogue = settled()
        let action = pass(
            &dialogue,
            ["01,1", "+293.873E+00", "+108.278E+00", "000", "01,1"],
            at: 2
        )
        let reading = Lakeshore372Reading(
            channel: 1,
            autoscan: true,
            kelvin: 293.873,
            ohm: 108.278,
            status: 0
        )
        #expect(action == .finished(reading))
    }

    @Test("a channel is not read before its pause and the settling time are over")
    func unsettledChannel() {
        var dialogue = settled()
        let none = Lakeshore372Reading(channel: 1, autoscan: true)
        #expect(pass(&dialogue, ["01,1"], at: 1.9) == .finished(none))
    }

    @Test("after each change of channel the readings are discarded again")
    func channelChange() {
        var dialogue = settled()
        let none = Lakeshore372Reading(channel: 2, autoscan: true)
        #expect(pass(&dialogue, ["02,1", "1,007,003,21,1"], at: 2) == .finished(none))
        #expect(pass(&dialogue, ["02,1"], at: 3.9) == .finished(none))
        #expect(pass(&dialogue, ["02,1"], at: 5.8) == .finished(none))
        #expect(pass(&dialogue, ["02,1"], at: 6) == .ask("KRDG? 2"))
    }

    @Test("who looked away for longer than two changes take starts anew")
    func lookedAway() {
        var dialogue = settled()
        #expect(pass(&dialogue, ["01,1"], at: 2.5) == .ask("INSET? 1"))
    }

    @Test("a scanner that moves during the pass takes the reading with it")
    func movesDuringPass() {
        var dialogue = settled()
        let action = pass(
            &dialogue,
            ["01,1", "+293.873E+00", "+108.278E+00", "000", "02,1"],
            at: 2
        )
        #expect(action == .finished(Lakeshore372Reading(channel: 2, autoscan: true)))
    }

    @Test(
        "the status decides what is valid, not the number",
        arguments: [
            ("001", false, false), ("016", false, false), ("032", false, false),
            ("064", false, true), ("128", false, true), ("192", false, true),
            ("080", false, false), ("000", true, true),
        ]
    )
    func status(bits: String, hasKelvin: Bool, hasOhm: Bool) throws {
        var dialogue = settled()
        let action = pass(
            &dialogue,
            ["01,1", "+00.0000E-03", "+000.000E+09", bits, "01,1"],
            at: 2
        )
        guard case .finished(let reading) = action else {
            Issue.record("\(action)")
            return
        }
        #expect((reading.kelvin != nil) == hasKelvin)
        #expect((reading.ohm != nil) == hasOhm)
        #expect(reading.status == Int(bits))
    }

    @Test("without a curve there are ohms but no kelvins")
    func noCurve() {
        var dialogue = settled(curve: "00")
        let action = pass(
            &dialogue,
            ["01,1", "+00.0000E+00", "+108.278E+00", "000", "01,1"],
            at: 2
        )
        let reading = Lakeshore372Reading(
            channel: 1,
            autoscan: true,
            kelvin: nil,
            ohm: 108.278,
            status: 0
        )
        #expect(action == .finished(reading))
    }

    @Test(
        "answers that make no sense are garbled, whichever question they follow",
        arguments: [
            ["17,1"], ["1"], ["01,1", "nan"], ["01,1", "0x1p3"], ["01,1", "+1.0E+00", ""],
            ["01,1", "+1.0E+00", "+1.0E+00", "256"], ["01,1", "1", "1", "000", "01"],
        ]
    )
    func garbled(answers: [String]) {
        var dialogue = settled()
        guard case .garbled = pass(&dialogue, answers, at: 2) else {
            Issue.record("accepted \(answers)")
            return
        }
        // Nothing that was known holds after it.
        #expect(dialogue.beginPass() == .ask("*IDN?"))
    }

    @Test("another instrument is told from a 372, and from noise")
    func wrongInstrument() {
        var dialogue = Lakeshore372Dialogue(settle: .zero)
        _ = dialogue.identify()
        let found = "LSCI,MODEL336,LSA2336,2.9"
        #expect(
            dialogue.answer(found, at: .zero) == .wrong(found: found, expected: "LSCI,MODEL372")
        )
        _ = dialogue.identify()
        guard case .garbled = dialogue.answer("#?@", at: .zero) else {
            Issue.record("noise was accepted")
            return
        }
    }
}

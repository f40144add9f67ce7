import Testing

@testable import InstrumentAgents

@Suite("iMACRT, questions and answers")
struct IMacRTDialogueTests {
    /// A dialogue with an MMR3 that has identified itself.
    private func identified() -> IMacRTDialogue {
        var dialogue = IMacRTDialogue(model: "MMR")
        #expect(dialogue.handle(.asked(.identity)) == .ignore)
        #expect(dialogue.handle(.received("MMR3 1.17\r\n")) == .answer("MMR3 1.17"))
        return dialogue
    }

    @Test("numbers may be asked for after the identity only")
    func identityFirst() {
        var dialogue = IMacRTDialogue(model: "MMR")
        #expect(dialogue.handle(.asked(.number)) == .fail(.outOfOrder))
        dialogue = identified()
        #expect(dialogue.handle(.asked(.number)) == .ignore)
        #expect(dialogue.handle(.received(" 4.2153E+00 \r\n")) == .answer("4.2153E+00"))
    }

    @Test("a late number is dropped, and so is a late identity")
    func lateReplies() {
        var dialogue = identified()
        _ = dialogue.handle(.asked(.number))
        #expect(dialogue.handle(.gaveUp) == .fail(.garbled("")))
        #expect(dialogue.handle(.received("4.2")) == .ignore)
        #expect(dialogue.handle(.asked(.number)) == .fail(.outOfOrder))

        _ = dialogue.handle(.asked(.identity))
        #expect(dialogue.handle(.received("1.5E+03")) == .ignore)
        _ = dialogue.handle(.gaveUp)
        _ = dialogue.handle(.asked(.identity))
        #expect(dialogue.handle(.received("MMR3")) == .answer("MMR3"))
        _ = dialogue.handle(.asked(.number))
        #expect(dialogue.handle(.received("MMR3")) == .ignore)
        #expect(dialogue.handle(.received("7.5")) == .answer("7.5"))
    }

    @Test("a datagram that came twice answers one question")
    func twice() {
        var dialogue = identified()
        _ = dialogue.handle(.asked(.number))
        #expect(dialogue.handle(.received("1")) == .answer("1"))
        #expect(dialogue.handle(.received("1")) == .ignore)
    }

    @Test("nonsense makes the module identify itself again", arguments: ["", "nan", "4.2.1", "~#"])
    func nonsense(text: String) {
        var dialogue = identified()
        _ = dialogue.handle(.asked(.number))
        #expect(dialogue.handle(.received(text)) == .fail(.garbled(text)))
        #expect(!dialogue.isIdentified)
    }

    @Test("other modules, disconnected units and noise are told apart")
    func identities() {
        let answers: [(String, IMacRTDialogue.Action)] = [
            ("MGC3", .fail(.wrong("MGC3"))), ("iMACRT", .fail(.disconnected("iMACRT"))),
            ("~#", .fail(.garbled("~#"))), ("MMR3", .answer("MMR3")),
        ]
        for (text, action) in answers {
            var dialogue = IMacRTDialogue(model: "MMR")
            _ = dialogue.handle(.asked(.identity))
            #expect(dialogue.handle(.received(text)) == action)
        }
    }

    @Test("registers are those of the drivers")
    func registers() {
        #expect((1...3).flatMap(IMacRTRegisters.thermometer) == [3, 5, 6, 14, 16, 17, 25, 27, 28])
        #expect(IMacRTRegisters.regulation(0) == [1, 2, 3, 9, 10])
        #expect(IMacRTRegisters.regulation(2) == [25, 26, 27, 33, 34])
        #expect(IMacRTRegisters.pid(1) == [16, 17, 18])
    }
}

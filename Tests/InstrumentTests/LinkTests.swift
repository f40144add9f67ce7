import Telemetry
import Testing

@testable import InstrumentAgents

@Suite("Links")
struct LinkTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("an answer may come in pieces, with or without a carriage return")
    func pieces() {
        var dialogue = LineDialogue()
        #expect(dialogue.handle(.asked).isEmpty)
        #expect(dialogue.handle(.received(bytes("+1."))).isEmpty)
        #expect(dialogue.handle(.received(bytes("5E+00\r\n"))) == [.answer("+1.5E+00")])
        #expect(dialogue.handle(.asked).isEmpty)
        #expect(dialogue.handle(.received(bytes("x\n"))) == [.answer("x")])
    }

    @Test("a second question while one is open ends the connection")
    func twoQuestions() {
        var dialogue = LineDialogue()
        #expect(dialogue.handle(.asked).isEmpty)
        #expect(dialogue.handle(.asked) == [.fail(.busy), .close])
    }

    @Test("a line that nobody asked for ends the connection, and so does the rest of one")
    func unasked() {
        var dialogue = LineDialogue()
        #expect(dialogue.handle(.received(bytes("hello\r\n"))) == [.fail(.unasked), .close])
        dialogue = LineDialogue()
        #expect(dialogue.handle(.received(bytes("hel"))).isEmpty)
        #expect(dialogue.handle(.asked) == [.fail(.unasked), .close])
        dialogue = LineDialogue()
        _ = dialogue.handle(.asked)
        let actions = dialogue.handle(.received(bytes("1\n2\n")))
        #expect(actions == [.answer("1"), .fail(.unasked), .close])
    }

    @Test("a line without an end is cut off at the limit")
    func endless() {
        var dialogue = LineDialogue()
        _ = dialogue.handle(.asked)
        let limit = Limits.longestReply
        #expect(dialogue.handle(.received(Array(repeating: 0x39, count: limit))).isEmpty)
        #expect(dialogue.handle(.received([0x39])) == [.fail(.endless), .close])
        #expect(dialogue.handle(.received(bytes("1\n"))).isEmpty)
    }

    @Test("a closed connection fails the open question and every later one")
    func closed() {
        var dialogue = LineDialogue()
        _ = dialogue.handle(.asked)
        #expect(dialogue.handle(.closed) == [.fail(.closed)])
        #expect(dialogue.handle(.asked) == [.fail(.closed)])
    }

    @Test("the wait doubles up to its limit, is spread by chance, and is forgotten on success")
    func backoff() {
        var backoff = Backoff()
        #expect(backoff.mayTry(at: .zero))
        var waits: [Double] = []
        for _ in 0..<10 {
            backoff.fail(at: .seconds(100), because: "test", chance: 1)
            waits.append((backoff.notBefore - .seconds(100)).inSeconds)
        }
        #expect(waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30])
        #expect(!backoff.mayTry(at: .seconds(129)))
        #expect(backoff.mayTry(at: .seconds(130)))
        backoff.fail(at: .seconds(100), because: "test", chance: 0)
        #expect(backoff.notBefore == .seconds(115))
        backoff.succeed()
        #expect(backoff.mayTry(at: .zero))
    }

    @Test(
        "numbers are read as instruments write them, and nothing else is one",
        arguments: [
            ("+293.873E+00", 293.873), (" 4.2\r\n", 4.2), ("-1e-3", -0.001), ("007", 7), ("", nil),
            ("nan", nil), ("inf", nil), ("0x10", nil), ("1 2", nil), ("1E999", nil), ("+-1", nil),
        ] as [(String, Double?)]
    )
    func numbers(text: String, expected: Double?) {
        #expect(Text.number(text) == expected)
    }

    @Test("decimals have as many places as asked for")
    func decimals() {
        #expect(Text.decimal(0.32, places: 6) == "0.320000")
        #expect(Text.decimal(-1.005, places: 1) == "-1.0")
        #expect(Text.decimal(99.999, places: 2) == "100.00")
        #expect(Text.decimal(-0.0000001, places: 6) == "0.000000")
        #expect(Text.decimal(12, places: 0) == "12")
    }

    @Test("callers take turns in order of arrival")
    func turns() async throws {
        let turnstile = Turnstile(address: "test")
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...20 {
                group.addTask { try await turnstile.pass { number } }
            }
            return try await group.reduce(0, +)
        }
        #expect(total == 210)
    }
}

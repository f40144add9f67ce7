import CerroTesting
import Telemetry
import Testing

@testable import InstrumentEmulators

@Suite("Emulators", .timeLimit(.minutes(10)))
struct EmulatorTests {
    @Test("the list makes emulators that start on free ports")
    func list() async throws {
        #expect(Emulation.all.keys.sorted() == ["imacrt", "lakeshore372"])
        for emulation in Emulation.all.values {
            let emulator = emulation.make(0, ManualTimeSource())
            let modules = try await emulator.start()
            #expect(modules.allSatisfy { $0.port > 0 })
            await emulator.stop()
        }
    }

    @Test("a port that is taken is an error that names it")
    func takenPort() async throws {
        let first = EmulatedLakeshore372()
        let port = try #require(try await first.start().first?.port)
        let error = await #expect(throws: EmulatorError.self) {
            try await EmulatedLakeshore372(port: port).start()
        }
        #expect(error?.description.contains("port \(port) is not free") == true)
        await first.stop()
    }

    @Test(
        "the bridge answers in the forms of the real one",
        arguments: [
            ("*IDN?", "LSCI,MODEL372,LSA2372,1.3"), ("SCAN?", "01,1"),
            ("INSET? 1", "1,005,001,21,1"),
            ("INSET? 05", "0,005,001,00,1"), ("INTYPE? 1", "0,04,1,10,0,1"), ("RDGST? 4", "016"),
            ("RDGST? 1", "000"), ("RDGST? 9", "001"), ("KRDG? 9", "+000.000E+00"),
            ("STILL?", "+0.00"), ("RANGE? 0", "0"), ("FOO?", nil), ("RANGE 0,3", nil), ("", nil),
            ("KRDG? 17", nil),
        ] as [(String, String?)]
    )
    func forms(question: String, answer: String?) {
        var model = Lakeshore372Model(at: .zero, seed: 1)
        #expect(model.answer(question, at: .zero) == answer)
    }

    @Test("the scanner moves by pause and dwell; channels it has left repeat their last reading")
    func scanner() {
        var model = Lakeshore372Model(at: .zero, seed: 1)
        let first = model.answer("KRDG? 1", at: .seconds(1))
        #expect(model.answer("SCAN?", at: .milliseconds(5999)) == "01,1")
        #expect(model.answer("SCAN?", at: .seconds(6)) == "02,1")
        #expect(model.answer("KRDG? 1", at: .seconds(7)) == first)
        #expect(model.answer("SCAN?", at: .seconds(24 * 1000 + 18)) == "04,1")
        #expect(model.answer("KRDG? 1", at: .seconds(24 * 1000 + 18)) == first)
        _ = model.answer("SCAN 3,0", at: .seconds(30_000))
        #expect(model.answer("SCAN?", at: .seconds(40_000)) == "03,0")
    }

    @Test("the cryostat cools down, and is the same in every run")
    func cooling() {
        var readings: [[String?]] = []
        for _ in 0..<2 {
            var model = Lakeshore372Model(at: .zero, seed: 7)
            _ = model.answer("SCAN 2,0", at: .zero)
            readings.append([0, 3600, 36_000].map { model.answer("KRDG? 2", at: .seconds($0)) })
        }
        #expect(readings[0] == readings[1])
        let kelvins = readings[0].compactMap { $0.flatMap(Double.init) }
        #expect(kelvins.count == 3 && kelvins[0] > 280 && kelvins[1] < 80 && kelvins[2] < 3.5)
    }

    @Test("modules answer numbers only to what they know, and forget when they restart")
    func modules() {
        var model = IMacRTModel(.mgc3, at: .zero, seed: 1)
        #expect(model.answer("*IDN?\n", at: .zero) == "MGC3 1.17")
        #expect(model.answer("MGC3GET 2\r\n", at: .zero) == "3.000000E-01")
        #expect(model.answer("MGC3SET 2 0.320000\n", at: .zero) == nil)
        #expect(model.answer("MGC3GET 2", at: .zero) == "3.200000E-01")
        #expect(model.answer("MMR3GET 3", at: .zero) == nil)
        #expect(model.answer("MGC3GET 99", at: .zero) == nil)
        model.restart()
        #expect(model.answer("MGC3GET 2", at: .zero) == "3.000000E-01")
    }

    @Test("a reply that was held back comes before the next one")
    func late() {
        var replies = FaultyReplies()
        replies.fault = .late
        #expect(replies.actions(for: "1").isEmpty)
        #expect(replies.actions(for: "2") == [.send("1")])
        replies.fault = .none
        #expect(replies.actions(for: "3") == [.send("2"), .send("3")])
        replies.fault = .cut
        #expect(replies.actions(for: "4.2153") == [.sendRaw("4.2")])
    }

    @Test(
        "numbers are printed as instruments do",
        arguments: [
            (293.8731, "+293.873E+00", "2.938731E+02"), (0.00012, "+120.000E-06", "1.200000E-04"),
            (-4.2, "-004.200E+00", "-4.200000E+00"), (0, "+000.000E+00", "0.000000E+00"),
            (12_345, "+012.345E+03", "1.234500E+04"),
        ]
    )
    func printing(value: Double, engineering: String, scientific: String) {
        #expect(Print.engineering(value) == engineering)
        #expect(Print.scientific(value) == scientific)
    }
}

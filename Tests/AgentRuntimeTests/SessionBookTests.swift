import AgentRuntime
import Telemetry
import Testing

@Suite("Sessions")
struct SessionBookTests {
    private let now = Timestamp(seconds: 1)

    private func book() -> SessionBook {
        SessionBook([
            .process("acquire") { _ in }, .task("home", abortable: true) { _ in },
            .task("calibrate") { _ in },
        ])
    }

    @Test("a session goes from starting to done, forward only")
    func life() throws {
        var book = book()
        let session = try book.begin("acquire", at: now)
        #expect(session.status == .starting)
        #expect(book.markRunning("acquire", session.id)?.status == .running)
        #expect(book.setDegraded("acquire", session.id, "silent")?.status == .degraded)
        #expect(book.setDegraded("acquire", session.id, nil)?.status == .running)
        #expect(try book.end("acquire", as: .process).status == .stopping)
        #expect(book.setDegraded("acquire", session.id, "silent") == nil)
        #expect(book.markRunning("acquire", session.id) == nil)
        let done = book.finish("acquire", session.id, failure: nil, at: now)
        #expect(done?.status == .done)
        #expect(done?.success == true)
        #expect(book.finish("acquire", session.id, failure: "late", at: now) == nil)
    }

    @Test("a second start is refused and touches nothing")
    func busy() throws {
        var book = book()
        let session = try book.begin("acquire", at: now)
        #expect(throws: SessionBook.Refusal.busy(session)) { try book.begin("acquire", at: now) }
        #expect(book.history("acquire") == [session])
    }

    @Test("tasks are aborted, processes stopped, and only what can be")
    func kinds() throws {
        var book = book()
        #expect(throws: SessionBook.Refusal.wrongKind("home", .task)) {
            try book.end("home", as: .process)
        }
        #expect(throws: SessionBook.Refusal.idle("home")) { try book.end("home", as: .task) }
        _ = try book.begin("calibrate", at: now)
        #expect(throws: SessionBook.Refusal.notAbortable("calibrate")) {
            try book.end("calibrate", as: .task)
        }
        #expect(
            throws: SessionBook.Refusal.unknownOperation(
                "hom",
                known: ["acquire", "home", "calibrate"]
            )
        ) { try book.begin("hom", at: now) }
    }

    @Test("the last 20 sessions of an operation are kept, and ids grow")
    func history() throws {
        var book = book()
        for _ in 0..<25 {
            let session = try book.begin("home", at: now)
            _ = book.finish("home", session.id, failure: nil, at: now)
        }
        #expect(book.history("home").map(\.id) == Array(6...25))
    }

    @Test("lines and data are bounded")
    func bounds() throws {
        var book = book()
        let session = try book.begin("home", at: now)
        for number in 0..<150 { book.log("home", session.id, "line \(number)", at: now) }
        #expect(book.newest("home")?.messages.count == 100)
        #expect(book.newest("home")?.messages.first?.text == "line 50")
        let large = Value.string(String(repeating: "x", count: 70_000))
        func set(_ key: String, _ value: Value) -> Bool {
            book.setData("home", session.id, key, value)
        }
        #expect(!set("large", large))
        for number in 0..<64 { #expect(set("k\(number)", .int(Int64(number)))) }
        #expect(!set("one more", 1))
        #expect(set("k0", 2))
    }
}

@Suite("Parameters")
struct ParameterTests {
    struct Ramp: OperationParameters {
        let kelvins: Double, steps: Int, mode: String, quick: Bool

        init(from reader: inout ParameterReader) throws(ParameterError) {
            kelvins = try reader.double("kelvins", in: 0...400, unit: .kelvin)
            steps = try reader.int("steps", in: 1...10, default: 5)
            mode = try reader.string("mode", choices: ["linear", "log"], default: "linear")
            quick = try reader.bool("quick", default: false)
        }
    }

    private let operation = AgentOperation.task("ramp") { (_, _: Ramp) in }

    @Test("an operation knows what it takes without being started")
    func declarations() {
        #expect(operation.parameters.map(\.name) == ["kelvins", "steps", "mode", "quick"])
        #expect(operation.parameters.map(\.type) == [.double, .int, .string, .bool])
        #expect(operation.parameters[0].range == 0...400)
        #expect(operation.parameters[0].fallback == nil)
        #expect(operation.parameters[1].fallback == 5)
    }

    @Test(
        "what is wrong is refused by name, value and range",
        arguments: [
            ([:], "parameter `kelvins` is missing; give a number from 0.0 to 400.0 (K)"),
            (
                ["kelvins": 401],
                "parameter `kelvins` is 401; expected a number from 0.0 to 400.0 (K)"
            ),
            (
                ["kelvins": "4"],
                "parameter `kelvins` is `4`; expected a number from 0.0 to 400.0 (K)"
            ),
            (["kelvins": .double(.nan)], "parameter `kelvins` is nan; expected a number"),
            (
                ["kelvins": 4, "steps": 11],
                "parameter `steps` is 11; expected an integer from 1 to 10"
            ),
            (["kelvins": 4, "steps": 1.5], "parameter `steps` is 1.5; expected an integer"),
            (["kelvins": 4, "mode": "cubic"], "expected one of linear, log"),
            (["kelvins": 4, "quick": 1], "parameter `quick` is 1; expected true or false"),
            (
                ["kelvin": 4],
                "there is no parameter `kelvin`; there are kelvins, steps, mode, quick"
            ),
        ] as [([String: Value], String)]
    )
    func refused(given: [String: Value], words: String) {
        var message = ""
        do { try operation.check(given) } catch { message = "\(error)" }
        #expect(message.contains(words), "\(message)")
    }

    @Test("integers are numbers, and doubles without a fraction are integers")
    func numbers() throws {
        try operation.check(["kelvins": 4, "steps": 3.0])
    }
}

@Suite("Faults")
struct FaultBookTests {
    private func fault(_ text: String, _ severity: Fault.Severity = .warning) -> Fault {
        Fault(id: "a", severity: severity, since: Timestamp(seconds: 3), text: text, subject: "s")
    }

    @Test("a fault is raised once, keeps its begin, and is cleared once")
    func life() {
        var book = FaultBook()
        #expect(book.raise(fault("one")) == .raised(fault("one")))
        #expect(book.raise(fault("one")) == nil)
        #expect(book.raise(fault("two")) == nil)
        #expect(book.open.map(\.text) == ["two"])
        #expect(book.raise(fault("two", .critical)) != nil)
        #expect(book.clear("a", subject: "other", at: Timestamp(seconds: 4)) == nil)
        #expect(book.clear("a", subject: "s", at: Timestamp(seconds: 4)) != nil)
        #expect(book.clear("a", subject: "s", at: Timestamp(seconds: 5)) == nil)
        #expect(book.open.isEmpty)
    }
}

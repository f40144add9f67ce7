import CerroTesting
import MessageBus
import Telemetry
import Testing

@Suite("request ledger")
struct RequestLedgerTests {
    private let time = ManualTimeSource()

    private func makeLedger() -> RequestLedger {
        RequestLedger(target: "cryo-1", epoch: 7, withoutEffect: ["status"], timeSource: time)
    }

    private func request(
        _ number: Int = 1,
        _ action: String = "start",
        target: String = "cryo-1",
        epoch: Int64 = 7,
        expiry: Timestamp? = nil,
        arguments: Value = .null
    ) -> Request {
        let id = withUnsafeBytes(of: (UInt64(number), UInt64(0))) { Array($0) }
        return Request(
            id: id,
            action: action,
            target: target,
            targetEpoch: epoch,
            expiry: expiry,
            arguments: arguments
        )
    }

    private func reply(to request: Request, _ text: String = "") -> Reply {
        Reply(id: request.id, code: .ok, text: text, clock: time.now, epoch: 7)
    }

    private func code(_ verdict: RequestLedger.Verdict) -> ReplyCode? {
        if case .refused(let code, _) = verdict { return code }
        return nil
    }

    @Test("a request runs once: repeated it joins, then gets the first answer")
    func once() {
        var ledger = makeLedger()
        let first = request()
        #expect(ledger.admit(first) == .run)
        #expect(ledger.admit(first) == .joined)
        let answer = reply(to: first, "done")
        ledger.finish(answer)
        ledger.finish(reply(to: first, "done twice"))
        #expect(ledger.admit(first) == .answered(answer))
    }

    @Test("an id with other content is refused")
    func duplicate() {
        var ledger = makeLedger()
        #expect(ledger.admit(request(arguments: ["watts": 1])) == .run)
        #expect(code(ledger.admit(request(arguments: ["watts": 2]))) == .requestDuplicateID)
        #expect(code(ledger.admit(request(1, "stop"))) == .requestDuplicateID)
    }

    @Test("nobody hears the answer to another's request by its id")
    func another() {
        var ledger = makeLedger()
        let first = request()
        #expect(ledger.admit(first, from: "alice") == .run)
        #expect(code(ledger.admit(first, from: "eve")) == .requestDuplicateID)
        var claimed = first
        claimed.asker = Asker(name: "eve")
        #expect(code(ledger.admit(claimed, from: "alice")) == .requestDuplicateID)
        #expect(ledger.admit(first, from: "alice") == .joined)
    }

    @Test("another instance, another epoch, no epoch or a late request does nothing")
    func stale() {
        var ledger = makeLedger()
        time.jump(by: .seconds(10))
        let late = time.now - .nanoseconds(1)
        for stale in [
            request(1, target: "cryo-2"), request(2, epoch: 6), request(3, epoch: 0),
            request(4, expiry: late), request(5, "status", target: "cryo-2"),
            request(6, "status", epoch: 8), request(7, "status", expiry: late),
        ] {
            #expect(code(ledger.admit(stale)) == .requestStale, "\(stale)")
        }
        #expect(ledger.count == 0)
        #expect(ledger.admit(request(8, expiry: time.now)) == .run)
    }

    @Test("actions without effect are not remembered, and need no epoch")
    func withoutEffect() {
        var ledger = makeLedger()
        for _ in 0..<3 {
            #expect(ledger.admit(request(1, "status", epoch: 0)) == .runWithoutEffect)
        }
        #expect(ledger.count == 0)
    }

    @Test("a late repetition of what was done still gets the first answer")
    func lateRepetition() {
        var ledger = makeLedger()
        let first = request(expiry: time.now + .seconds(1))
        #expect(ledger.admit(first) == .run)
        ledger.finish(reply(to: first))
        time.jump(by: .seconds(5))
        #expect(ledger.admit(first) == .answered(reply(to: first).at(time.start)))
    }

    @Test("the last 1,000 and at least 10 minutes are remembered; what runs is never forgotten")
    func memory() {
        var ledger = makeLedger()
        let running = request(0)
        #expect(ledger.admit(running) == .run)
        for number in 1...1_500 {
            let next = request(number)
            #expect(ledger.admit(next) == .run)
            ledger.finish(reply(to: next))
        }
        #expect(ledger.count == 1_501)
        time.jump(by: .seconds(600))
        #expect(ledger.admit(request(1_501)) == .run)
        #expect(ledger.count == 1_000)
        #expect(ledger.admit(running) == .joined)
        #expect(ledger.admit(request(1_500)) != .run)
    }

    @Test("more requests at once than are bounded are refused, and do nothing")
    func tooMany() {
        var ledger = makeLedger()
        for number in 0..<BusLimits.mostRunning { #expect(ledger.admit(request(number)) == .run) }
        #expect(code(ledger.admit(request(BusLimits.mostRunning))) == .requestTooMany)
        ledger.finish(reply(to: request(0)))
        #expect(ledger.admit(request(BusLimits.mostRunning)) == .run)
    }
}

extension Reply {
    fileprivate func at(_ clock: Timestamp) -> Reply {
        var reply = self
        reply.clock = clock
        return reply
    }
}

import AgentClient
import CerroTesting
import MessageBus
import Telemetry
import Testing
import ZeroMQ

@testable import AgentRuntime

@Suite("Control of an agent", .serialized, .timeLimit(.minutes(10)))
struct ControlTests {
    private let alice = Caller(name: "alice", proof: .key("a"))
    private let bob = Caller(name: "bob", proof: .key("b"))
    /// Says that she is alice.
    private let mallory = Caller(name: "alice", proof: .local)
    private let dawn = Timestamp(seconds: 1_795_239_670)

    private func take(
        _ desk: inout ControlDesk,
        _ caller: Caller,
        _ reason: String = "cooldown",
        for duration: Duration = .seconds(60),
        canBreak: Bool? = nil,
        after: Duration = .zero
    ) throws(ControlDesk.Refusal) -> Control? {
        try desk.take(
            caller,
            reason: reason,
            for: duration,
            canBreak: canBreak,
            at: dawn + after,
            monotonic: after
        )
    }

    @Test("nobody but the holder commands, until it is released, broken or over")
    func holder() throws {
        var desk = ControlDesk()
        #expect(desk.obstacle(to: bob) == nil)
        #expect(try take(&desk, alice) == nil)
        #expect(desk.obstacle(to: alice) == nil)
        #expect(desk.obstacle(to: mallory)?.holder == "alice")
        let text = "alice has control until \(dawn + .seconds(60)): cooldown"
        #expect(desk.obstacle(to: bob)?.description == text)
        #expect(throws: ControlDesk.Refusal.self) { try take(&desk, bob) }
        #expect(throws: ControlDesk.Refusal.self) { try desk.release(bob, canBreak: nil) }
        #expect(throws: ControlDesk.Refusal.self) { try desk.release(bob, canBreak: false) }
        // Going on keeps the beginning.
        let former = try take(&desk, alice, "warm-up", after: .seconds(30))
        #expect(former?.reason == "cooldown")
        #expect(desk.control?.since == dawn)
        #expect(desk.expire(at: .seconds(89)) == nil)
        #expect(desk.expire(at: .seconds(90))?.reason == "warm-up")
        #expect(desk.obstacle(to: bob) == nil)
        #expect(try desk.release(bob, canBreak: nil) == nil)
        _ = try take(&desk, bob)
        #expect(try take(&desk, alice, canBreak: true)?.holder == "bob")
        #expect(desk.obstacle(to: bob)?.holder == "alice")
    }

    @Test("who takes control says why, and not for ever")
    func bad() throws {
        var desk = ControlDesk()
        for (reason, seconds) in [
            ("", 60), (String(repeating: "x", count: 201), 60), ("x", 0), ("x", 43_201),
        ] {
            #expect(throws: ControlDesk.Refusal.self) {
                try take(&desk, alice, reason, for: .seconds(seconds))
            }
        }
        #expect(desk.control == nil)
    }

    // Goal: everybody sees who has control, and the morning sees who had it.
    @Test("control is in the status, the description and the registry's table, and in the audit")
    func shown() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: InMemoryBus()) { site in
            let taken = try await site.client.result(
                "a",
                Action.take,
                ["reason": "tests", "duration_ns": 3_600_000_000_000]
            )
            let control = try #require(taken["control"].flatMap(Control.init))
            #expect(control.reason == "tests")
            #expect(control.until - control.since == .seconds(3600))
            for action in [Action.status, Action.describe] {
                let answer = try await site.client.result("a", action)
                #expect(answer["control"].flatMap(Control.init) == control)
            }
            try await eventually("the table shows it") {
                try await site.client.instance("a").control == control ? true : nil
            }
            let started = try await site.client.request("a", Action.start, ["operation": "hold"])
            #expect(started.code == .ok)
            _ = try await site.client.result("a", Action.release)
            try await eventually("the table shows it no more") {
                try await site.client.instance("a").control == nil ? true : nil
            }
            let entries = try await eventually("all entries") {
                let entries = try await AuditTests.entries(site)
                return entries.count { $0.outcome == .done } == 2 ? entries : nil
            }
            #expect(entries.first?.parameters.contains("\"reason\":\"tests\"") == true)
            let ends = entries.filter { $0.outcome == .done }
            #expect(ends.map(\.action).sorted() == ["release", "take"])
        }
    }

    @Test("a bad request for control is refused and says what is possible")
    func refused() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: InMemoryBus()) { site in
            let silent = try await site.client.request("a", Action.take)
            #expect(silent.code == .parameterInvalid)
            #expect(silent.text.contains("give `reason`"))
            let long = try await site.client.request(
                "a",
                Action.take,
                ["reason": "x", "duration_ns": .int(.max)]
            )
            #expect(long.code == .parameterInvalid)
            #expect(long.text.contains("from 1 s to 12 h is"))
            #expect(try await site.client.result("a", Action.status)["control"] == .null)
        }
    }

    // Goal: a forgotten console does not keep the others out for ever.
    // Method: the shortest time that may be asked for.
    @Test("control ends by itself, and the audit says so")
    func over() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: InMemoryBus()) { site in
            _ = try await site.client.result(
                "a",
                Action.take,
                ["reason": "tests", "duration_ns": 1_000_000_000]
            )
            let entries = try await eventually("the end") {
                let entries = try await AuditTests.entries(site)
                return entries.count == 2 ? entries : nil
            }
            #expect(entries.last?.reason == "its time was over")
            #expect(try #require(entries.last?.seconds) >= 1)
            #expect(try await site.client.result("a", Action.status)["control"] == .null)
        }
    }
}

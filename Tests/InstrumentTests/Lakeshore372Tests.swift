import AgentRuntime
import CerroTesting
import InstrumentEmulators
import SiteConfig
import Telemetry
import Testing

@testable import InstrumentAgents

/// An agent and an emulated bridge on loopback, with one clock that the test moves.
private struct Bridge {
    let recorder = RecordingSession()
    let emulator: EmulatedLakeshore372
    let agent: Lakeshore372Agent

    init(settle: Duration = .zero) async throws {
        let emulator = EmulatedLakeshore372(time: recorder.manual)
        let port = try await emulator.start().first?.port ?? 0
        // One channel for good, so that the test decides what is fresh.
        _ = emulator.answer("SCAN 1,0")
        _ = emulator.answer("INSET 1,1,5,0,21,1")
        self.emulator = emulator
        agent = Lakeshore372Agent(
            .init(
                address: Endpoint(host: "127.0.0.1", port: port),
                channels: [1, 2],
                timeout: .milliseconds(500),
                settle: settle
            ),
            time: recorder.manual,
            chance: { 0.5 }
        )
    }

    var feed: Feed { agent.feeds[0] }

    /// Runs `acquire`, its first row included, beside `body`.
    func acquiring(_ body: @Sendable () async throws -> Void) async throws {
        try await withRunning({ try await agent.acquire(recorder.session) }) {
            await recorder.wait { $0.rows("temperatures") == 1 }
            try await body()
        }
        await emulator.stop()
    }
}

@Suite("Lake Shore 372, agent and emulator over TCP", .timeLimit(.minutes(10)))
struct Lakeshore372Tests {
    @Test("the declarations are what a site can name")
    func declarations() async throws {
        let bridge = try await Bridge()
        try bridge.feed.check()
        #expect(bridge.feed.fields.count == 8)
        #expect(
            bridge.agent.operations.map(\.name)
                == ["acquire", "set_heater", "set_still", "set_channel", "set_excitation"]
        )
        let heater = bridge.agent.operations[1].parameters
        #expect(heater.map(\.name) == ["heater", "range"])
        await bridge.emulator.stop()
    }

    @Test("each pass publishes the active channel; the others are missing")
    func healthy() async throws {
        let bridge = try await Bridge()
        let recorder = bridge.recorder
        try await bridge.acquiring {
            await recorder.manual.advance(by: .seconds(1))
            await recorder.wait { $0.rows("temperatures") == 2 }
        }
        let seen = recorder.seen
        #expect(seen.timestamps("temperatures") == [0, 1].map { recorder.manual.instant($0) })
        let kelvins = seen.values(bridge.feed, "channel_01_kelvin").map { $0?.double ?? 0 }
        #expect(kelvins.allSatisfy { abs($0 - 293) < 1 })
        #expect(seen.values(bridge.feed, "channel_01_status") == [.int(0), .int(0)])
        #expect(seen.values(bridge.feed, "channel_02_kelvin") == [nil, nil])
        #expect(seen.values(bridge.feed, "active_channel") == [.int(1), .int(1)])
        #expect(seen.degraded == nil)
        #expect(seen.faultsRaised.isEmpty)
    }

    // Goal: each way in which a connection fails, in the same words for the operator.
    // Method: the fault holds for one pass; the clock moves by the time limit, then on to ticks
    // beyond the backoff.
    @Test(
        "a failing instrument degrades the session, raises a fault and leaves a gap; then it heals",
        arguments: [
            (EmulatedFault.silence, "instrument.silent", true),
            (.late, "instrument.silent", true), (.cut, "instrument.silent", true),
            (.garbage, "instrument.garbled", false), (.endless, "instrument.silent", false),
            (.reset, "instrument.silent", false),
        ]
    )
    func faults(fault: EmulatedFault, id: String, timesOut: Bool) async throws {
        let bridge = try await Bridge()
        let (recorder, manual) = (bridge.recorder, bridge.recorder.manual)
        try await bridge.acquiring {
            bridge.emulator.setFault(fault)
            await manual.advance(by: .seconds(1))
            if timesOut { await manual.advance(by: .milliseconds(500)) }
            await recorder.wait { $0.degraded != nil }
            #expect(recorder.seen.faults.keys.sorted() == [id + "/"])
            #expect(recorder.seen.rows("temperatures") == 1)

            bridge.emulator.setFault(.none)
            await manual.advance(by: timesOut ? .milliseconds(500) : .seconds(1))
            await recorder.wait { $0.degraded == nil && $0.rows("temperatures") == 2 }
            #expect(recorder.seen.faults.isEmpty)
        }
        let seen = recorder.seen
        #expect(seen.timestamps("temperatures") == [0, 2].map { manual.instant($0) })
        #expect(seen.values(bridge.feed, "channel_01_status") == [.int(0), .int(0)])
        #expect(seen.refused.isEmpty)
    }

    @Test("another instrument at the address is a fault of its own, and is not read")
    func wrongInstrument() async throws {
        let bridge = try await Bridge()
        bridge.emulator.setFault(.wrong)
        try await withRunning({ try await bridge.agent.acquire(bridge.recorder.session) }) {
            await bridge.recorder.wait { $0.degraded != nil }
            #expect(bridge.recorder.seen.faults.keys.sorted() == ["instrument.wrong/"])
        }
        // Once nobody reads the instrument, nobody knows how it is.
        #expect(bridge.recorder.seen.faults.isEmpty)
        #expect(bridge.recorder.seen.rows("temperatures") == 0)
        await bridge.emulator.stop()
    }

    @Test("nobody listens: degraded at once, tried again after a while only")
    func unreachable() async throws {
        let bridge = try await Bridge()
        await bridge.emulator.stop()
        let recorder = bridge.recorder
        try await withRunning({ try await bridge.agent.acquire(recorder.session) }) {
            await recorder.wait { $0.degraded != nil }
            #expect(recorder.seen.faults.keys.sorted() == ["instrument.silent/"])
        }
        #expect(recorder.seen.rows("temperatures") == 0)
    }

    @Test("commands return once the instrument shows what they set")
    func commands() async throws {
        let bridge = try await Bridge()
        let connection = Lakeshore372Connection(
            to: Endpoint(host: "127.0.0.1", port: try await port(of: bridge)),
            limit: .seconds(1),
            settle: .zero,
            time: bridge.recorder.manual,
            chance: { 0.5 }
        )
        try await connection.set(HeaterSetting(heater: "sample", range: 5))
        #expect(bridge.emulator.answer("RANGE? 0") == "5")
        try await connection.set(StillSetting(percent: 10.6))
        #expect(bridge.emulator.answer("STILL?") == "+10.60")
        try await connection.set(ScannerSetting(channel: 3, autoscan: true))
        #expect(bridge.emulator.answer("SCAN?") == "03,1")
        try await connection.set(ExcitationSetting(channel: 2, mode: "current", index: 7))
        #expect(bridge.emulator.answer("INTYPE? 2") == "1,07,1,10,0,1")
        try await connection.close()
        await bridge.emulator.stop()
    }

    @Test("a command that the instrument does not take fails and says what it shows")
    func refusedCommand() async throws {
        let bridge = try await Bridge()
        let connection = Lakeshore372Connection(
            to: Endpoint(host: "127.0.0.1", port: try await port(of: bridge)),
            limit: .seconds(1),
            settle: .zero,
            time: bridge.recorder.manual,
            chance: { 0.5 }
        )
        let error = await #expect(throws: InstrumentError.self) {
            try await connection.set("RANGE 0,9", then: "RANGE? 0") { $0 == "9" }
        }
        #expect(error?.description.contains("after `RANGE 0,9`") == true)
        try await connection.close()
        await bridge.emulator.stop()
    }

    private func port(of bridge: Bridge) async throws -> Int {
        await bridge.emulator.stop()
        return try await bridge.emulator.start().first?.port ?? 0
    }
}

import AgentRuntime
import CerroTesting
import InstrumentEmulators
import SiteConfig
import Telemetry
import Testing

@testable import InstrumentAgents

/// An agent and emulated modules on loopback, with one clock that the test moves.
private struct ModuleSet {
    let recorder = RecordingSession()
    let emulator: EmulatedIMacRT
    let configuration: IMacRTAgent.Configuration
    let agent: IMacRTAgent

    init(pace: Duration = .zero, localPort: Int = 0) async throws {
        emulator = EmulatedIMacRT(time: recorder.manual)
        let endpoints = try await emulator.start().map {
            Endpoint(host: "127.0.0.1", port: $0.port)
        }
        configuration = IMacRTAgent.Configuration(
            mmr3: endpoints[0],
            mgc3: endpoints[1],
            localPort: 0,
            timeout: .milliseconds(500),
            pace: pace
        )
        agent = IMacRTAgent(configuration, time: recorder.manual, chance: { 0.5 })
    }

    /// Runs `acquire`, the first rows included, beside `body`.
    func acquiring(_ body: @Sendable () async throws -> Void) async throws {
        try await withRunning({ try await agent.acquire(recorder.session) }) {
            await recorder.wait { $0.rows("thermometers") == 1 && $0.rows("regulation") == 1 }
            try await body()
        }
        await emulator.stop()
    }
}

@Suite("iMACRT, agent and emulator over UDP", .timeLimit(.minutes(10)))
struct IMacRTTests {
    @Test("the declarations follow the modules that are there")
    func declarations() async throws {
        let set = try await ModuleSet()
        for feed in set.agent.feeds { try feed.check() }
        #expect(set.agent.feeds.map(\.name) == ["thermometers", "regulation"])
        #expect(set.agent.feeds.map(\.fields.count) == [9, 15])
        var alone = set.configuration
        alone.mgc3 = nil
        let agent = IMacRTAgent(alone, time: set.recorder.manual)
        #expect(agent.feeds.map(\.name) == ["thermometers"])
        #expect(agent.operations.map(\.name) == ["acquire"])
        await set.emulator.stop()
    }

    @Test("the shortest period is what a pass takes")
    func shortestPeriod() {
        let endpoint = Endpoint(host: "10.0.0.31", port: 12_031)
        var configuration = IMacRTAgent.Configuration(mmr3: endpoint, mgc3: endpoint)
        #expect(configuration.shortestPeriod == .milliseconds(750))
        configuration.mgc3 = nil
        #expect(configuration.shortestPeriod == .milliseconds(450))
        configuration.channels = [1]
        #expect(configuration.shortestPeriod == .milliseconds(200))
    }

    @Test("both modules are published once a period")
    func healthy() async throws {
        let set = try await ModuleSet()
        let recorder = set.recorder
        try await set.acquiring {
            await recorder.manual.advance(by: .seconds(1), past: 2)
            await recorder.wait { $0.rows("thermometers") == 2 && $0.rows("regulation") == 2 }
        }
        let seen = recorder.seen
        let kelvins = seen.values(set.agent.feeds[0], "channel_1_kelvin").map { $0?.double ?? 0 }
        #expect(kelvins.allSatisfy { abs($0 - 293) < 2 })
        #expect(seen.values(set.agent.feeds[0], "channel_3_status") == [.int(0), .int(0)])
        #expect(seen.values(set.agent.feeds[1], "loop_0_on") == [.bool(false), .bool(false)])
        #expect(seen.degraded == nil && seen.faultsRaised.isEmpty)
    }

    @Test(
        "a failing module leaves a gap and no number of another channel; then it heals",
        arguments: [
            (EmulatedFault.silence, "instrument.silent", true),
            (.late, "instrument.silent", true), (.reset, "instrument.silent", true),
            (.cut, "instrument.garbled", false), (.garbage, "instrument.garbled", false),
        ]
    )
    func faults(fault: EmulatedFault, id: String, timesOut: Bool) async throws {
        let set = try await ModuleSet()
        let (recorder, manual) = (set.recorder, set.recorder.manual)
        try await set.acquiring {
            set.emulator.setFault(fault, of: "mmr3")
            // Each module has ticks of its own.
            await manual.advance(by: .seconds(1), past: 2)
            await recorder.wait { $0.rows("regulation") == 2 }
            if timesOut { await manual.advance(by: .milliseconds(500)) }
            await recorder.wait { $0.degraded != nil }
            #expect(recorder.seen.faults.keys.sorted() == [id + "/mmr3"])

            set.emulator.setFault(.none, of: "mmr3")
            await manual.advance(by: timesOut ? .milliseconds(500) : .seconds(1), past: 2)
            await recorder.wait { $0.degraded == nil && $0.rows("thermometers") == 2 }
            #expect(recorder.seen.faults.isEmpty)
        }
        let seen = recorder.seen
        #expect(seen.timestamps("thermometers") == [0, 2].map { manual.instant($0) })
        let feed = set.agent.feeds[0]
        for (field, range) in [
            ("channel_1_ohm", 880...930.0), ("channel_1_kelvin", 290...296.0),
            ("channel_2_kelvin", 4.4...4.8),
        ] {
            let values = seen.values(feed, field).map { $0?.double ?? -1 }
            #expect(values.allSatisfy(range.contains), "\(field): \(values)")
        }
    }

    @Test("both modules share the one local port that replies come to")
    func localPort() async throws {
        // A port that was free a moment ago.
        let other = EmulatedIMacRT()
        let port = try #require(try await other.start().first?.port)
        await other.stop()
        let set = try await ModuleSet(localPort: port)
        try await set.acquiring {}
        #expect(set.recorder.seen.faultsRaised.isEmpty)
    }

    @Test("another module at the address is a fault of its own")
    func wrongModule() async throws {
        let set = try await ModuleSet()
        set.emulator.setFault(.wrong, of: "mgc3")
        let recorder = set.recorder
        try await withRunning({ try await set.agent.acquire(recorder.session) }) {
            await recorder.wait { $0.degraded != nil && $0.rows("thermometers") == 1 }
            #expect(recorder.seen.faults.keys.sorted() == ["instrument.wrong/mgc3"])
        }
        #expect(recorder.seen.rows("regulation") == 0)
        await set.emulator.stop()
    }

    @Test("commands return once the module shows what they set")
    func commands() async throws {
        let set = try await ModuleSet()
        let module = try module(of: set)
        try await module.set(SetPointSetting(loop: 1, kelvin: 0.32))
        #expect(set.emulator.answer("MGC3GET 14", of: "mgc3") == "3.200000E-01")
        try await module.set(LoopSetting(loop: 1, isOn: true))
        #expect(set.emulator.answer("MGC3GET 13", of: "mgc3") == "1.000000E+00")
        try await module.set(PIDSetting(loop: 2, proportional: 0.5, integral: 0.02, derivative: 3))
        #expect(set.emulator.answer("MGC3GET 29", of: "mgc3") == "2.000000E-02")
        await set.emulator.stop()
    }

    @Test("a value that the module does not take is refused, and says what it shows")
    func refused() async throws {
        let set = try await ModuleSet()
        let error = await #expect(throws: InstrumentError.self) {
            // The last measurement cannot be written.
            try await module(of: set).write([(index: 3, value: 1)])
        }
        #expect(error?.description.contains("after `MGC3SET 3 1.000000`") == true)
        await set.emulator.stop()
    }

    @Test("questions to one module are a pace apart")
    func pacing() async throws {
        let set = try await ModuleSet()
        let module = try module(of: set, pace: .milliseconds(50))
        let manual = set.recorder.manual
        async let values = module.read([1, 2])
        // The identity goes out at once, each number 50 ms after the question before.
        await manual.advance(by: .milliseconds(50))
        await manual.advance(by: .milliseconds(50))
        #expect(try await values == [0, 0.3])
        #expect(manual.monotonic == .milliseconds(100))
        await set.emulator.stop()
    }

    private func module(of set: ModuleSet, pace: Duration = .zero) throws -> IMacRTModule {
        let endpoint = try #require(set.configuration.mgc3)
        let address = try IMacRTSocket.address(of: endpoint)
        let socket = IMacRTSocket(localPort: 0, modules: [(address, "MGC")])
        return IMacRTModule(
            "MGC3",
            at: "\(endpoint)",
            place: 0,
            socket: socket,
            limit: .seconds(1),
            pace: pace,
            time: set.recorder.manual,
            chance: { 0.5 }
        )
    }
}

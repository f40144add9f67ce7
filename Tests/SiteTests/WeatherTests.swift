import AgentClient
import AgentRuntime
import CerroTesting
import MessageBus
import Telemetry
import Testing

@Suite(
    "Messages that are lost, doubled, late or out of order",
    .serialized,
    .timeLimit(.minutes(2))
)
struct WeatherTests {
    // Goal: whatever the network does to fetches and their answers, data pass once and in order.
    // Method: the same hosts as always, on a bus that loses, doubles and delays what it carries as
    // a seed says; commands are given in fine weather, since they are not what is tested.
    @Test("neither lose nor double what publish accepted", arguments: [1, 2, 3] as [UInt64])
    func weather(seed: UInt64) async throws {
        let bus = FaultyBus(try InMemoryBus(), seed: seed)
        try await Stage.run(rotate: .seconds(2), on: bus) { stage in
            try await stage.beginLoad("fake")
            try await stage.beginLoad("other")
            try await stage.untilArchived(20, of: "fake")
            bus.weather = .init(lost: 8, doubled: 20, late: 40, delay: .milliseconds(300))
            // Far enough that some of each has befallen the messages.
            try await eventually("messages were lost, came twice, came late") {
                let count = bus.count
                return min(count.lost, count.doubled, count.late) >= 5 ? true : nil
            }
            bus.weather = .fine
            let accepted = try await stage.stopLoad("fake")
            let other = try await stage.stopLoad("other")
            try await stage.expectExactlyOnce("fake", accepted)
            try await stage.expectExactlyOnce("other", other)
            #expect(try await stage.gaps().isEmpty)
        }
    }
}

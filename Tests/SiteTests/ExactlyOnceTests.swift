import AgentClient
import AgentRuntime
import CerroTesting
import MessageBus
import Telemetry
import Testing

@Suite("What publish accepted is read back exactly once", .serialized, .timeLimit(.minutes(10)))
struct ExactlyOnceTests {
    // Goal: somebody stops and starts the recording while data flow.
    // Method: an agent numbers its messages; the archive must hold 1, 2, 3, … without a hole.
    @Test("after recording was stopped and started again")
    func recordAgain() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(50, of: "fake")
            for _ in 0..<2 {
                try await stage.perform(Action.stop, "record", on: "aggregator")
                let held = try await stage.numbers(of: "fake").count
                let started = try await stage.site.client.result(
                    "aggregator",
                    Action.start,
                    ["operation": "record"]
                )
                #expect(started["session"] != nil)
                try await stage.untilArchived(held + 50, of: "fake")
            }
            let accepted = try await stage.stopLoad("fake")
            try await stage.expectExactlyOnce("fake", accepted)
        }
    }

    @Test("after the aggregator was ended and a new one took over its archive")
    func newAggregator() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(50, of: "fake")
            for _ in 0..<2 {
                await stage.site.end("aggregator")
                let held = try await stage.numbers(of: "fake").count
                try await stage.beginAggregator()
                try await stage.untilArchived(held + 50, of: "fake")
            }
            let accepted = try await stage.stopLoad("fake")
            try await stage.expectExactlyOnce("fake", accepted)
        }
    }

    // Goal: an agent ends while nobody records; its next life is another epoch.
    @Test("of an agent that was restarted, the old epoch to its end before the new one")
    func newEpoch() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(20, of: "fake")
            let former = try await stage.site.client.instance("fake").epoch
            await stage.site.end("aggregator")
            let first = try await stage.stopLoad("fake")
            await stage.site.end("fake")

            try await stage.beginLoad("fake")
            try await stage.beginAggregator()
            try await stage.untilArchived(Int(first) + 20, of: "fake")
            #expect(try await stage.site.client.instance("fake").epoch > former)
            let second = try await stage.stopLoad("fake")
            try await stage.expectExactlyOnce("fake", first, second)
            // An epoch that ended well is no gap.
            #expect(try await stage.gaps().isEmpty)
        }
    }

    // Goal: segments are closed and sealed each second while data flow and queries are answered.
    @Test("while segments are closed and sealed")
    func sealing() async throws {
        try await Stage.run(rotate: .seconds(1)) { stage in
            try await stage.beginLoad("fake", rate: 400)
            var held = 0
            while held < 3000 {
                let numbers = try await stage.untilArchived(held + 300, of: "fake")
                #expect(numbers == Array(1...Int64(numbers.count)))
                held = numbers.count
            }
            let accepted = try await stage.stopLoad("fake")
            try await stage.expectExactlyOnce("fake", accepted)
        }
    }

    // Goal: whatever happens, in whichever order.
    // Method: the order is drawn from a seed, which the test's name shows.
    @Test("whatever is restarted, in whichever order", arguments: [1, 2, 3] as [UInt64])
    func anyOrder(seed: UInt64) async throws {
        try await Stage.run(rotate: .seconds(2)) { stage in
            var chance = SeededGenerator(seed: seed)
            var runs: [Int64] = []
            try await stage.beginLoad("fake")
            var held = try await stage.untilArchived(20, of: "fake").count
            for _ in 0..<6 {
                switch Int.random(in: 0..<4, using: &chance) {
                case 0:
                    try await stage.perform(Action.stop, "record", on: "aggregator")
                    _ = try await stage.site.client.result(
                        "aggregator",
                        Action.start,
                        ["operation": "record"]
                    )
                case 1:
                    await stage.site.end("aggregator")
                    try await stage.beginAggregator()
                case 2:
                    runs.append(try await stage.stopLoad("fake"))
                    await stage.site.end("fake")
                    try await stage.beginLoad("fake")
                default:
                    await stage.site.endRegistry()
                    try await stage.site.beginRegistryAgain()
                }
                guard Bool.random(using: &chance) else { continue }
                held = try await stage.untilArchived(held + 20, of: "fake").count
            }
            runs.append(try await stage.stopLoad("fake"))
            try await stage.expectExactlyOnce("fake", runs: runs)
        }
    }
}

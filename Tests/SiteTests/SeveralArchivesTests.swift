import AgentClient
import AgentRuntime
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

@Suite("Several archives", .serialized, .timeLimit(.minutes(10)))
struct SeveralArchivesTests {
    private func id(_ stage: Stage) throws -> String {
        try String(contentsOfFile: stage.archive + "/archive.id", encoding: .utf8)
    }

    // Goal: what one archive does or does not do is no matter of the other's.
    @Test("two aggregators have a complete archive each, also who was stopped for a while")
    func two() async throws {
        try await Stage.run { stage in
            let mirror = stage.another("mirror")
            try await mirror.beginAggregator()
            try await stage.site.waitUntilAlive(["mirror"])
            // Both know the instance from its first record on.
            try await stage.beginLoad("fake")
            try await stage.untilArchived(30, of: "fake")
            try await mirror.untilArchived(30, of: "fake")
            #expect(try id(stage) != id(mirror))

            await stage.site.end("mirror")
            let held = try await mirror.numbers(of: "fake").count
            try await stage.untilArchived(held + 200, of: "fake")
            // A life of the agent ends and another begins, and the mirror sees nothing of it.
            let first = try await stage.stopLoad("fake")
            await stage.site.end("fake")
            try await stage.beginLoad("fake")
            try await stage.untilArchived(Int(first) + 50, of: "fake")
            #expect(try await mirror.numbers(of: "fake").count == held)

            try await mirror.beginAggregator()
            try await mirror.untilArchived(Int(first) + 80, of: "fake")
            let second = try await stage.stopLoad("fake")
            for each in [stage, mirror] {
                try await each.expectExactlyOnce("fake", first, second)
                #expect(try await each.gaps().isEmpty)
            }
        }
    }

    @Test("a new archive joins where the logs are, and that is no gap")
    func joining() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(100, of: "fake")
            let late = stage.another("late")
            try await late.beginAggregator()
            try await late.untilArchived(50, of: "fake")
            let accepted = try await stage.stopLoad("fake")
            try await stage.expectExactlyOnce("fake", accepted)
            let numbers = try await eventually("the last message in the late archive") {
                let numbers = try await late.numbers(of: "fake")
                return numbers.last == accepted ? numbers : nil
            }
            let first = try #require(numbers.first)
            #expect(numbers == Array(first...accepted))
            #expect(try await late.gaps().isEmpty)
        }
    }

    // Goal: an aggregator that dies without a word must say so the next time, and lose nothing.
    @Test("recording that was not stopped in order says so when it begins again")
    func unclean() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(20, of: "fake")
            await stage.site.end("aggregator")
            // What a process leaves that is killed.
            #expect(
                FileManager.default.createFile(
                    atPath: stage.archive + "/archive.open",
                    contents: nil
                )
            )
            try await stage.beginAggregator()
            try await stage.untilArchived(60, of: "fake")
            let session = try await stage.perform(Action.stop, "record", on: "aggregator")
            #expect(
                session.messages.contains { $0.text.contains("was not stopped in order last time") }
            )
        }
    }
}

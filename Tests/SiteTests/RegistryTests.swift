import AgentClient
import AgentRuntime
import CerroTesting
import MessageBus
import Telemetry
import Testing

@Suite("A registry that is restarted", .serialized, .timeLimit(.minutes(10)))
struct RegistryRestartTests {
    @Test("finds the agents again, by their leases, and disturbs no operation")
    func found() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(20, of: "fake")
            let before = try await stage.site.client.instance("fake")
            let ended = stage.site.time.now
            await stage.site.endRegistry()
            try await stage.site.beginRegistryAgain()
            let after = try await eventually("fake in the new registry's table") {
                try await stage.site.client.instance("fake")
            }
            #expect(after.epoch == before.epoch)
            #expect(after.requests == before.requests)
            #expect(after.since < ended, "it did not begin with the registry")
            let session = try await eventually("the status of fake") {
                try await stage.site.client.result(
                    "fake",
                    Action.status,
                    ["operation": "load"]
                )["session"].flatMap(Session.init)
            }
            #expect(session.id == 1)
            #expect(session.status == .running)
            let accepted = try await stage.stopLoad("fake")
            try await stage.expectExactlyOnce("fake", accepted)
        }
    }

    // Goal: the holder of an instance may be alive without having been heard yet, so that a new
    // one has to wait until every lease that the registry's predecessor granted has ended.
    @Test("grants a new instance only after one lease, a shown one at once")
    func patience() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("fake")
            try await stage.untilArchived(20, of: "fake")
            await stage.site.endRegistry()
            let restarted = stage.site.time.monotonic
            try await stage.site.beginRegistryAgain()
            try await stage.beginLoad("late")
            try await eventually("fake in the new registry's table") {
                try await stage.site.client.instance("fake")
            }
            let shown = stage.site.time.monotonic
            try await eventually("late in the new registry's table") {
                try await stage.site.client.instance("late")
            }
            let granted = stage.site.time.monotonic
            #expect(granted - restarted >= RuntimeLimits.lease)
            #expect(granted > shown)
        }
    }
}

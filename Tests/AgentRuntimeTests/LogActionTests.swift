import AgentClient
import AgentRuntime
import CerroTesting
import Log
import MessageBus
import Telemetry
import Testing

@Suite("An agent tells what its log holds, and for whom")
struct LogActionTests {
    private func fetch(_ site: TestObservatory, _ archive: String) async throws -> FetchAnswer? {
        let request = FetchRequest(
            archive: archive,
            epoch: 0,
            after: 0,
            crc: 0,
            committedEpoch: 0,
            committedPosition: 0,
            maxBytes: 1 << 20
        )
        return FetchAnswer(try await site.client.result("a", Action.fetch, request.value))
    }

    @Test("the log's extent, its archives, and what each feed published last")
    func log() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: try InMemoryBus()) { site in
            for x in 1...3 {
                _ = try await site.client.result(
                    "a",
                    Action.start,
                    [
                        "operation": "publish", "parameters": ["x": .double(Double(x))],
                        "wait_ns": 5_000_000_000,
                    ]
                )
            }
            _ = try await fetch(site, "north")
            let log = try await site.client.result("a", Action.log)
            let epoch = try await site.client.instance("a").epoch
            #expect(log["epoch"] == .int(epoch))
            #expect(log["oldest_epoch"] == .int(epoch))
            #expect(log["oldest"] == 1)
            // Three declarations, and what the sessions came through, stand there as well.
            #expect(try #require(log["newest"]?.int) >= 6)
            #expect(try #require(log["bytes"]?.int) > 0)
            #expect(log["size"] == .int(1 << 30))
            #expect(log["failure"] == .null)
            #expect(log["archives"] == ["north": ["epoch": 0, "position": 0]])
            let numbers = try #require(log["feeds"]?["numbers"])
            #expect(numbers["records"] == 3)
            let last = try #require(numbers["last"]?.int)
            let published = try #require(numbers["published"]?.int)
            #expect(last > 0 && last <= published)
            #expect(
                log["feeds"]?["faults"] == ["records": 0, "last": .null, "published": .null]
            )
        }
    }

    // Goal: the disk of an archive or of an agent was put back to an earlier state.
    @Test("an agent whose log and archive diverged lives on in its new epoch, and is commanded")
    func diverged() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: try InMemoryBus()) { site in
            let before = try await site.client.instance("a").epoch
            let request = FetchRequest(
                archive: "north",
                epoch: before,
                after: 1,
                crc: 12345,
                committedEpoch: 0,
                committedPosition: 0,
                maxBytes: 1 << 20
            )
            let answer = FetchAnswer(try await site.client.result("a", Action.fetch, request.value))
            guard case .diverged(let next) = answer?.state else {
                Issue.record("\(String(describing: answer?.state))")
                return
            }
            try await eventually("the registry knows the new epoch") {
                try await site.client.instance("a").epoch == next ? true : nil
            }
            let done = try await site.client.result(
                "a",
                Action.start,
                [
                    "operation": "publish", "parameters": ["x": 1],
                    "wait_ns": 5_000_000_000,
                ]
            )
            #expect(done["session"]?["status"] == "done", "\(done.json)")
        }
    }

    @Test("an archive is forgotten once, and known again when it comes back")
    func forget() async throws {
        try await TestObservatory.run(["a": TestAgent()], on: try InMemoryBus()) { site in
            _ = try await fetch(site, "north")
            let archive: Value = ["archive": "north"]
            #expect(try await site.client.result("a", Action.forget, archive)["known"] == true)
            #expect(try await site.client.result("a", Action.log)["archives"] == .map([:]))
            #expect(try await site.client.result("a", Action.forget, archive)["known"] == false)
            _ = try await fetch(site, "north")
            #expect(try await site.client.result("a", Action.forget, archive)["known"] == true)
            let wrong = try await site.client.request("a", Action.forget, .null)
            #expect(wrong.code == .requestMalformed)
        }
    }
}

import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

@testable import CerroCommand

@Suite("What is missing and why, by the programs", .serialized, .timeLimit(.minutes(10)))
struct WhyProcessTests {
    /// Waits until `cerro why` finds a step broken, nil for none; returns its answer.
    private func untilBroken(_ step: String?, _ site: ProcessSite) async throws -> Value {
        try await eventually("the broken step is \(step ?? "none")") {
            let (code, answer) = try await CommandLineTool.json(
                ["why", "fake-1.load.n"],
                site.file
            )
            guard answer["steps"] != nil, answer["broken"]?.string == step else { return nil }
            #expect(code == (step == nil ? 0 : 1))
            return answer
        }
    }

    // Goal: one after the other everything on a field's way is broken and mended again.
    // Method: the site's own processes; each answer is waited for, since heartbeats take seconds.
    @Test("cerro why finds what is broken, and nothing once it is mended")
    func walk() async throws {
        let load =
            "{class: FakeData, id: fake-1, start: [load], "
            + "arguments: {load: {fields: 2, rate: 10}}}"
        try await ProcessSite.run(agents: [load]) { site in
            try await site.untilArchived(5, of: "fake-1.load.n")
            let fine = try await untilBroken(nil, site)
            let states = fine["steps"]?.array?.compactMap { $0["state"]?.string }
            #expect(states == Array(repeating: "ok", count: 8))

            for (instance, operation, step) in [
                ("aggregator", "record", "link"), ("reader", "serve", "index"),
            ] {
                try await site.end(operation, of: instance)
                let broken = try await untilBroken(step, site)
                #expect(broken["advice"] == .string("`cerro call \(instance) \(operation)`"))
                _ = try await site.client.result(
                    instance,
                    Action.start,
                    ["operation": .string(operation)]
                )
                _ = try await untilBroken(nil, site)
            }

            let (code, answer) = try await CommandLineTool.json(
                ["why", "fake-1.load.m"],
                site.file
            )
            #expect(code == 1 && answer["broken"] == "agent")
            #expect(answer["advice"] == "ask for fake-1.load.n")
        }
    }

    @Test("gaps, completeness and archives are told by a running site")
    func ledger() async throws {
        try await ProcessSite.run(agents: ["{class: FakeData, id: fake-1, start: [count]}"]) {
            site in
            try await site.untilArchived(1, of: "fake-1.counter.n")
            let (code, gaps) = try await CommandLineTool.json(["gaps"], site.file)
            #expect(code == 0 && gaps["gaps"] == [])
            let rows = try await eventually("the last hour of the feed sessions") {
                let (_, status) = try await CommandLineTool.json(["status"], site.file)
                let row = status.array?.first { $0["instance"] == "fake-1" }
                return row?["completeness"]?["sessions"] == nil ? nil : status.array
            }
            #expect(rows.count == 4)

            let own = try await eventually("all logs know the archive") {
                let (_, survey) = try await CommandLineTool.json(["archive", "forget"], site.file)
                let own = survey["archives"]?.array?.first
                return own?["behind"]?.map?.count == 4 ? own : nil
            }
            #expect(own["written_by"] == "aggregator")
            let id = try #require(own["archive"]?.string)
            // Nobody sits at a terminal here, so nobody can agree.
            #expect(try await CommandLineTool.json(["archive", "forget", id], site.file).0 == 4)

            try await site.end("record", of: "aggregator")
            let (done, outcome) = try await CommandLineTool.json(
                ["archive", "forget", id, "--yes"],
                site.file
            )
            #expect(done == 0 && outcome["absent"] == [])
            let logs = try #require(outcome["logs"]?.array)
            #expect(logs.count == 4 && logs.allSatisfy { $0["known"] == true })
            let (_, after) = try await CommandLineTool.json(["archive", "forget"], site.file)
            #expect(after["archives"] == [])
        }
    }
}

extension ProcessSite {
    /// Stops a process of an instance and waits for that.
    fileprivate func end(_ operation: String, of instance: String) async throws {
        _ = try await client.request(
            instance,
            Action.stop,
            ["operation": .string(operation), "wait_ns": 20_000_000_000],
            timeout: .seconds(30)
        )
    }
}

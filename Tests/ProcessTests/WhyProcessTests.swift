import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Synchronization
import Telemetry
import Testing

@testable import CerroCommand

@Suite("What is missing and why, by the programs", .serialized, .timeLimit(.minutes(10)))
struct WhyProcessTests {
    /// How a command ended: its code, and its answer as JSON.
    private func run(_ arguments: [String], _ site: ProcessSite) async throws -> (Int32, Value) {
        let answers = Output()
        let code = await CommandLineTool.run(
            arguments + ["--json", "--site", site.file],
            console: Console(usesColour: false, showsProgress: false) { descriptor, text in
                if descriptor == STDOUT_FILENO { answers.append(text) }
            }
        )
        let text = answers.text.trimmingCharacters(in: .newlines)
        return (code, text.isEmpty ? .null : try Value(json: text))
    }

    /// Waits until `cerro why` finds a step broken, nil for none; returns its answer.
    private func untilBroken(_ step: String?, _ site: ProcessSite) async throws -> Value {
        try await eventually("the broken step is \(step ?? "none")") {
            let (code, answer) = try await run(["why", "fake-1.load.n"], site)
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

            let (code, answer) = try await run(["why", "fake-1.load.m"], site)
            #expect(code == 1 && answer["broken"] == "agent")
            #expect(answer["advice"] == "ask for fake-1.load.n")
        }
    }

    @Test("gaps, completeness and archives are told by a running site")
    func ledger() async throws {
        try await ProcessSite.run(agents: ["{class: FakeData, id: fake-1, start: [count]}"]) {
            site in
            try await site.untilArchived(1, of: "fake-1.counter.n")
            let (code, gaps) = try await run(["gaps"], site)
            #expect(code == 0 && gaps["gaps"] == [])
            let rows = try await eventually("the last hour of the feed sessions") {
                let (_, status) = try await run(["status"], site)
                let row = status.array?.first { $0["instance"] == "fake-1" }
                return row?["completeness"]?["sessions"] == nil ? nil : status.array
            }
            #expect(rows.count == 4)

            let own = try await eventually("all logs know the archive") {
                let (_, survey) = try await run(["archive", "forget"], site)
                let own = survey["archives"]?.array?.first
                return own?["behind"]?.map?.count == 4 ? own : nil
            }
            #expect(own["written_by"] == "aggregator")
            let id = try #require(own["archive"]?.string)
            // Nobody sits at a terminal here, so nobody can agree.
            #expect(try await run(["archive", "forget", id], site).0 == 4)

            try await site.end("record", of: "aggregator")
            let (done, outcome) = try await run(["archive", "forget", id, "--yes"], site)
            #expect(done == 0 && outcome["absent"] == [])
            let logs = try #require(outcome["logs"]?.array)
            #expect(logs.count == 4 && logs.allSatisfy { $0["known"] == true })
            let (_, after) = try await run(["archive", "forget"], site)
            #expect(after["archives"] == [])
        }
    }
}

/// What a command wrote to standard output.
private final class Output: Sendable {
    private let kept = Mutex("")

    var text: String { kept.withLock { $0 } }

    func append(_ more: String) { kept.withLock { $0 += more } }
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

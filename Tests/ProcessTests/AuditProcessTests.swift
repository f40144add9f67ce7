import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

private let fake = "{class: FakeData, id: fake-1, arguments: {channels: 1, rate: 20}}"

@Suite("The audit of a running site", .serialized, .timeLimit(.minutes(10)))
struct AuditProcessTests {
    /// What `cerro audit --json` answers.
    private func audit(_ site: ProcessSite, _ words: [String] = []) async throws -> [Value] {
        let (code, output) = try await RunningProgram.run(
            ["audit", "--json", "--site", site.file] + words
        )
        try #require(code == 0, "\(output)")
        let line = output.split(separator: "\n").last { $0.hasPrefix("[") }
        return try Value(json: String(line ?? "")).array ?? []
    }

    // Goal: in the morning somebody asks who started what, and who tried to.
    // Method: the agent is killed in the middle, so that what began before has no end.
    @Test("commands and refusals are archived, and survive the death of the agent")
    func archived() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            let client = site.client
            for operation in ["acquire", "nothing"] {
                _ = try await client.request(
                    "fake-1",
                    Action.start,
                    ["operation": .string(operation)]
                )
            }
            // Without the name, which nobody has heard of before the first record is archived.
            try await eventually("the beginning is archived") {
                let commands = try await audit(site)
                return commands.count { $0["instance"] == "fake-1" } == 2 ? true : nil
            }
            let epoch = try await client.instance("fake-1").epoch
            try await site.killAndAwaitRestart("fake-1")
            try await eventually("the next life") {
                // Nobody of that name for a moment.
                let row = try? await client.instance("fake-1")
                return row.map { $0.epoch > epoch && $0.state == .alive } == true ? true : nil
            }
            _ = try await client.result(
                "fake-1",
                Action.start,
                [
                    "operation": "delay_task", "parameters": ["delay": 0.05],
                    "wait_ns": 5_000_000_000,
                ]
            )
            let commands = try await eventually("all is archived") {
                let commands = try await audit(site, ["fake-*"])
                return commands.last?["outcome"] == "done" ? commands : nil
            }
            #expect(
                commands.map { $0["operation"]?.string } == ["acquire", "nothing", "delay_task"]
            )
            #expect(commands.map { $0["outcome"]?.string } == ["started", "refused", "done"])
            #expect(commands[1]["reason"]?.string?.contains("no operation `nothing`") == true)
            #expect(commands[2]["parameters"] == ["delay": 0.05])
            #expect(try #require(commands[2]["duration"]?.double) >= 0.05)
            #expect(commands.allSatisfy { $0["address"] == "127.0.0.1" })
            let refused = try await audit(site, ["--outcome", "refused"])
            #expect(refused.map { $0["operation"]?.string } == ["nothing"])
            #expect(try await audit(site, ["--who", "nobody"]).isEmpty)
            let (_, table) = try await RunningProgram.run(["audit", "--site", site.file])
            #expect(table.contains("start acquire") && table.contains("under way"), "\(table)")
        }
    }

    @Test("--follow shows what comes as it comes, and ends well")
    func follow() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            let program = try RunningProgram(["audit", "--follow", "--site", site.file])
            _ = try await site.client.result("fake-1", Action.start, ["operation": "acquire"])
            _ = try await site.client.result(
                "fake-1",
                Action.stop,
                ["operation": "acquire", "wait_ns": 5_000_000_000]
            )
            try await eventually("both ends") {
                program.output.contains("fake-1 done stop acquire")
                    && program.output.contains("fake-1 done start acquire") ? true : nil
            }
            #expect(program.lines.count { $0.contains("fake-1 started") } == 2)
            program.kill(SIGINT)
            #expect(try await program.untilEnd() == .code(0))
        }
    }

    @Test(
        "what is no question is code 2 and says what is one",
        arguments: [
            (["--outcome", "good"], "`good` is no outcome; there are started, done, failed"),
            (["fake-1.audit"], "has a dot"),
            (["--follow", "--end", "now"], "--follow has no end"),
            (["--start", "tomorrow"], "--start"),
        ]
    )
    func questions(words: [String], answer: String) async throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/site.yaml"
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: 1}
            hosts: {here: {address: 127.0.0.1, ports: 0, agents: [{class: Reader, id: reader}]}}
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let (code, output) = try await RunningProgram.run(["audit", "--site", file] + words)
        #expect(code == 2, "\(output)")
        #expect(output.contains(answer), "\(output)")
    }
}

@Suite("Control of a running site", .serialized, .timeLimit(.minutes(10)))
struct ControlProcessTests {
    // Goal: a console takes control, everybody sees it, and a restart gives it back.
    @Test("control is taken, shown, released, and gone after a restart, which the audit tells")
    func control() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            func control(_ words: [String]) async throws -> (code: Int32?, output: String) {
                try await RunningProgram.run(["control", "fake-1", "--site", site.file] + words)
            }
            let none = try await control([])
            #expect(none.code == 0 && none.output.contains("nobody has control"))
            let taken = try await control(["take", "--reason", "cooldown", "--for", "2h"])
            #expect(taken.code == 0, "\(taken.output)")
            #expect(taken.output.contains(": cooldown, since "))
            let shown = try await control(["show", "--json"])
            let value = try Value(json: shown.output.trimmingCharacters(in: .newlines))
            let held = try #require(Control(value))
            #expect(held.until - held.since == .seconds(7200))
            try await eventually("the status shows it") {
                let (_, output) = try await RunningProgram.run(["status", "--site", site.file])
                return output.contains("control:\n  fake-1: ") ? true : nil
            }
            let epoch = try await site.client.instance("fake-1").epoch
            try await site.killAndAwaitRestart("fake-1")
            try await eventually("the next life") {
                try await site.client.instance("fake-1").epoch > epoch ? true : nil
            }
            #expect(try await control([]).output.contains("nobody has control"))
            let released = try await control(["release"])
            #expect(released.code == 0 && released.output.contains("nobody has control"))
        }
    }

    @Test(
        "a bad request for control says what is wrong",
        arguments: [
            (["take"], "say why"), (["release", "--for", "1h"], "belong to `take`"),
            (["take", "--reason", "x", "--for", "soon"], "--for is `soon`"),
            (["steal"], "steal"),
        ]
    )
    func bad(words: [String], answer: String) async throws {
        let (code, output) = try await RunningProgram.run(["control", "fake-1"] + words)
        #expect(code == 2, "\(output)")
        #expect(output.contains(answer), "\(output)")
    }
}

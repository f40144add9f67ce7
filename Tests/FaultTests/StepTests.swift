import AgentClient
import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite(
    "Real processes that die between two steps",
    .serialized,
    .timeLimit(.minutes(30)),
    .enabled(if: Privileges.traces, "nobody may trace processes here")
)
struct StepTests {
    // Goal: a power cut between any two steps of writing, sealing, freeing and indexing.
    // Method: the kernel kills the process when one of its threads begins the n-th call of a kind;
    // kind and n are drawn from a seed. One of four is traced from its start on, the others are
    // when they run. Who makes no such call soon is killed all the same.
    @Test("whatever call an aggregator, an agent or a reader dies at, nothing is lost or doubled")
    func steps() async throws {
        let form = FaultForm.current
        try await form.run("steps") { chance in
            let plan = ProcessSite.Plan([
                FaultDriver.source("fake-1"), FaultDriver.source("fake-2"),
            ])
            var folder: TemporaryFolder?
            try await ProcessSite.runApart(plan) { site in
                folder = site.folder
                var driver = FaultDriver(site)
                var steps: [String: Int] = [:]
                let rounds = form.isLong ? form.kills / 4 : 4
                for _ in 0..<rounds {
                    for step in try await driver.dieOnce(&chance) { steps[step, default: 0] += 1 }
                }
                let samples = try await driver.finish()
                let hits = steps.values.reduce(0, +)
                #expect(hits >= rounds, "few died at a step: \(steps)")
                print("steps: \(hits) of \(3 * rounds) died at a step, \(driver.kills) in all")
                print("steps: \(samples) samples, lost 0, doubled 0")
                for (step, count) in steps.sorted(by: { $0.key < $1.key }) {
                    print("steps: \(count) × \(step)")
                }
            }
            let (code, said) = try await RunningProgram.run(
                ["archive", "verify", "--directory", "\(folder?.path ?? "")/archive"]
            )
            #expect(code == 0, "\(said)")
        }
    }

    // Goal: what the test above tells to have hit is what strace has seen.
    @Test(
        "the step of a death is the call that never returned, and the kind of its file",
        arguments: [
            ("7 writev(3</a/101411-18ea.journal>, [...], 1) = ?\n", "writev of a .journal"),
            (
                "7 fsync(5</a/21> <unfinished ...>\n8 writev(3</a/b.log>, [...], 1) = 9\n"
                    + "7 <... fsync resumed>)  = ?\n8 +++ killed by SIGKILL +++\n",
                "fsync of a folder"
            ),
            ("7 rename(\"/a/.101414-18.new\", \"/a/101414-18.cerro\") = ?\n", "rename of a .cerro"),
            ("7 unlink(\"/a/.commits.new\") = ?\n", "unlink of .commits.new"),
            (
                "7 pwrite64(3</a/index.sqlite-wal>, \"\"..., 24, 96) = ?",
                "pwrite64 of index.sqlite-wal"
            ),
            ("7 writev(3</a/101411-18ea.journal>, [...], 1) = 52\n", nil), ("", nil),
        ] as [(String, String?)]
    )
    func traces(text: String, step: String?) {
        #expect(Injection.step(inTrace: text) == step)
    }
}

extension FaultDriver {
    /// Kills an agent, a reader and an aggregator, each at some step, and starts them again.
    ///
    /// The aggregator is the last: without one there is nothing to free, and nothing to index.
    ///
    /// - Returns: the steps at which they died, as far as they did.
    fileprivate mutating func dieOnce(_ chance: inout SeededGenerator) async throws -> [String] {
        try await die([("fake-1", Injection.logging), ("reader", Injection.indexing)], &chance)
            + die([("aggregator", Injection.archiving)], &chance)
    }

    private mutating func die(
        _ victims: [(name: String, steps: [Injection.Step])],
        _ chance: inout SeededGenerator
    ) async throws -> [String] {
        func trace(of name: String) -> String { site.folder.path + "/\(name).trace" }
        var tracers: [RunningProgram] = []
        for (name, steps) in victims {
            try? FileManager.default.removeItem(atPath: trace(of: name))
            if Int.random(in: 0..<4, using: &chance) == 0 {
                try await kill(name)
                let words = Injection.killing(
                    nil,
                    Injection.starting,
                    trace: trace(of: name),
                    &chance
                )
                try begin(name, under: words)
            } else {
                try await untilAlive(name)
                await note(name)
                let pid = try site.program(name).pid
                let words = Injection.killing(pid, steps, trace: trace(of: name), &chance)
                tracers.append(try RunningProgram(words: words))
            }
        }
        func isDead(_ name: String) -> Bool { (try? site.program(name).end) ?? nil != nil }
        _ = try? await eventually("deaths", within: .seconds(15)) {
            victims.allSatisfy { isDead($0.name) } ? true : nil
        }
        var hits: [String] = []
        for (name, _) in victims {
            if isDead(name) {
                try await awaitEnd(of: name)
                let text = try? String(contentsOfFile: trace(of: name), encoding: .utf8)
                if let step = text.flatMap(Injection.step) { hits.append("\(name): \(step)") }
            } else {
                try await kill(name)
            }
        }
        for tracer in tracers { try await tracer.untilEnd() }
        for (name, _) in victims { try begin(name) }
        return hits
    }

    /// Waits until the registry knows the process of an instance that was started.
    private func untilAlive(_ name: String) async throws {
        let pid = try Int64(site.program(name).pid)
        try await eventually("process \(pid) of \(name) is alive") {
            try await site.client.instance(name).pid == pid ? true : nil
        }
    }
}

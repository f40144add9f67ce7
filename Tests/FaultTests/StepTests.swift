import CerroTesting
import Foundation
import Telemetry
import Testing

/// Words that run a program under strace, which does something to it at certain calls.
enum Injection {
    /// Calls that one step of writing, sealing or indexing consists of, and how many of them one
    /// thread makes in a moment or two.
    typealias Step = (calls: String, most: Int)

    /// The steps of a process that writes journals, logs or sealed files.
    ///
    /// A file is created between the steps before it and its first `writev`.
    static let writing: [Step] = [
        ("writev", 4), ("fdatasync", 2), ("fsync", 2), ("rename", 1), ("unlink", 2),
    ]

    /// The steps of a process that keeps an index.
    static let indexing: [Step] = [("pwrite64", 20), ("fdatasync", 2), ("fsync", 2), ("unlink", 2)]

    /// Runs a program that is killed before some call of a step, drawn by chance.
    static func killing(_ steps: [Step], _ chance: inout SeededGenerator) -> [String] {
        let step = steps[Int.random(in: 0..<steps.count, using: &chance)]
        let when = Int.random(in: 1...step.most, using: &chance)
        return strace(step.calls, "signal=SIGKILL:when=\(when)") + ["--seccomp-bpf"]
    }

    /// Makes calls of a process that runs fail, until it is told to stop.
    static func failing(_ calls: String, _ how: String, _ pid: pid_t) -> [String] {
        strace(calls, how) + ["-p", "\(pid)"]
    }

    private static func strace(_ calls: String, _ how: String) -> [String] {
        ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=\(calls)", "-e"]
            + ["inject=\(calls):\(how)"]
    }
}

@Suite(
    "Real processes that die between two steps",
    .serialized,
    .timeLimit(.minutes(30)),
    .enabled(if: Privileges.traces, "nobody may trace processes here")
)
struct StepTests {
    // Goal: a power cut between any two steps of writing, sealing, freeing and indexing.
    // Method: the kernel kills the process when one of its threads begins the n-th call of a kind;
    // kind and n are drawn from a seed. Who makes no such call soon is killed all the same.
    @Test("whatever call an aggregator, an agent or a reader dies at, nothing is lost or doubled")
    func steps() async throws {
        let form = FaultForm.current
        try await form.run("steps") { chance in
            let plan = ProcessSite.Plan([
                FaultDriver.source("fake-1"), FaultDriver.source("fake-2"),
            ])
            let victims = ["aggregator", "fake-1", "reader"]
            var folder: TemporaryFolder?
            try await ProcessSite.runApart(plan) { site in
                folder = site.folder
                var driver = FaultDriver(site)
                var hits = 0
                for _ in 0..<(form.isLong ? form.kills / 4 : 4) {
                    for instance in victims {
                        let steps = instance == "reader" ? Injection.indexing : Injection.writing
                        try await driver.kill(instance)
                        let words = Injection.killing(steps, &chance)
                        try driver.begin(instance, under: words)
                    }
                    hits += await driver.deaths(of: victims, within: .seconds(6))
                }
                for instance in victims {
                    try await driver.kill(instance)
                    try driver.begin(instance)
                }
                let samples = try await driver.finish()
                #expect(hits > 0, "nobody died at a call")
                print("steps: \(hits) deaths at a call, \(driver.kills) in all, \(samples) samples")
            }
            let (code, said) = try await RunningProgram.run(
                ["archive", "verify", "--directory", "\(folder?.path ?? "")/archive"]
            )
            #expect(code == 0, "\(said)")
        }
    }
}

extension FaultDriver {
    /// Waits until the instances have died of what they run under, or so long; how many have.
    fileprivate func deaths(of instances: [String], within patience: Duration) async -> Int {
        func count() -> Int {
            instances.count { (try? site.program($0).end) ?? nil != nil }
        }
        _ = try? await eventually("deaths", within: patience) {
            count() == instances.count ? true : nil
        }
        return count()
    }
}

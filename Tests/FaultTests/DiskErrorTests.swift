import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite(
    "Real processes whose disk refuses",
    .serialized,
    .timeLimit(.minutes(30)),
    .enabled(if: Privileges.traces, "nobody may trace processes here")
)
struct DiskErrorTests {
    /// What the disk answers to a kind of calls, whose disk it is, and what that must raise.
    struct Refusal: CustomTestStringConvertible, Sendable {
        let instance: String, calls: String, how: String
        let faults: [String]

        var testDescription: String { "\(instance): \(calls) \(how)" }

        static let all: [Refusal] = [
            ("writev", "error=ENOSPC"), ("writev", "error=EIO"), ("writev", "retval=3"),
            ("fdatasync", "error=EIO"),
        ].flatMap { calls, how in
            [
                Refusal(
                    instance: "aggregator",
                    calls: calls,
                    how: how,
                    faults: ["journal.stuck", "disk.full", "disk.low"]
                ),
                Refusal(
                    instance: "fake-1",
                    calls: calls,
                    how: how,
                    faults: ["spool.unwritable"]
                ),
            ]
        }
    }

    // Goal: a disk fails for a while, in any of the ways in which a disk can.
    // Method: strace holds the process and answers in the kernel's place; letting go of it mends
    // the disk. Archive and spool of one process refuse together.
    @Test("a disk that refuses is said, nothing else stops, and all of it is caught up")
    func refusals() async throws {
        let form = FaultForm.current
        try await form.run("disk errors") { _ in
            let plan = ProcessSite.Plan([
                FaultDriver.source("fake-1"), FaultDriver.source("fake-2"),
            ])
            try await ProcessSite.runApart(plan) { site in
                var driver = FaultDriver(site)
                for refusal in Refusal.all { try await driver.refuse(refusal, form) }
                let samples = try await driver.finish()
                print(
                    "disk errors: \(Refusal.all.count) kinds, \(samples) samples, lost 0, doubled 0"
                )
            }
        }
    }
}

extension FaultDriver {
    fileprivate mutating func refuse(
        _ refusal: DiskErrorTests.Refusal,
        _ form: FaultForm
    ) async throws {
        let pid = try site.program(refusal.instance).pid
        let strace = try RunningProgram(words: Injection.failing(refusal.calls, refusal.how, pid))
        defer { strace.killGroup(SIGTERM) }
        do {
            try await untilFault(refusal.faults, of: refusal.instance)
            // The agents go on, and the reader answers with what it has.
            for source in sources { try await untilAccepted(form.isLong ? 3000 : 150, by: source) }
            _ = try await site.numbers(Self.field(of: sources[0]))
            strace.kill(SIGTERM)
            try await strace.untilEnd()
            try await untilFault(refusal.faults, of: refusal.instance, isOpen: false)
            for source in sources { try await untilCaughtUp(source) }
        } catch {
            throw NeverHappened(
                description: "\(refusal.testDescription): \(error)\n\(strace.output)"
            )
        }
    }
}

import Foundation
import Synchronization
import Telemetry
import Testing

@testable import CerroCommand

/// Programs that are kept running, with real processes.
@Suite("the supervisor")
struct SupervisorTests {
    private let folder = TemporaryFolder()

    /// Runs a shell script as the member `agent` until `isEnough` of the reports; returns them.
    private func reports(
        of script: String,
        until isEnough: @escaping @Sendable (String) -> Bool
    ) async -> (lines: [String], isClean: Bool) {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let supervisor = Supervisor(
            members: [
                .init(
                    name: "agent",
                    program: .init(
                        executable: "/bin/sh",
                        arguments: ["-c", script],
                        log: folder.path("agent.log")
                    )
                )
            ],
            time: ImpatientTimeSource(),
            chance: { 0.5 },
            report: { continuation.yield($0) }
        )
        let run = Task {
            let isClean = await supervisor.run()
            continuation.finish()
            return isClean
        }
        var lines: [String] = []
        for await line in stream {
            lines.append(line)
            if isEnough(line) { run.cancel() }
        }
        return (lines, await run.value)
    }

    @Test("a program that ends is started again, after 1, 2 and 4 s")
    func restart() async {
        let seen = Mutex(0)
        let (lines, _) = await reports(of: "echo broken; exit 7") { line in
            line.contains("starts again")
                && seen.withLock {
                    $0 += 1; return $0 == 3
                }
        }
        let pauses = lines.filter { $0.contains("starts again") }
        #expect(
            pauses.prefix(3).map { $0.suffix(4) }
                == ["n 1 s", "n 2 s", "n 4 s"].map { $0.suffix(4) }
        )
        #expect(lines[1] == "agent ended with exit code 7; its last line: broken")
    }

    @Test("cancelling stops a program in good order")
    func stop() async throws {
        let script = "trap 'exit 0' TERM; while :; do :; done"
        let (lines, isClean) = await reports(of: script) { _ in true }
        #expect(lines.first?.hasPrefix("agent started, process ") == true)
        #expect(
            lines.last == "agent ended with exit code 0"
                || lines.last == "agent was ended by signal 15"
        )
        #expect(isClean)
    }

    @Test("wrong settings are not tried again", arguments: [0, 2])
    func staysDown(code: Int) async {
        let (lines, isClean) = await reports(of: "exit \(code)") { _ in false }
        #expect(lines.count == 2)
        #expect(lines.last?.contains("stays down") == true)
        #expect(!isClean)
    }

    @Test("standard input closes when the supervisor is gone, which ends a program")
    func lifeline() async throws {
        var lifeline: Spawn.Channel? = try Spawn.Channel()
        let child = try ChildProcess(
            .init(
                executable: "/bin/sh",
                arguments: ["-c", "cat; echo alone"],
                log: folder.path("alone.log")
            ),
            lifeline: #require(lifeline).reading
        )
        lifeline = nil
        #expect(await child.end() == .code(0))
        #expect(child.lastLines(1) == ["alone"])
        let log = try String(contentsOfFile: folder.path("alone.log"), encoding: .utf8)
        #expect(log == "alone\n")
    }

    @Test("a program that does not want to stop is killed at the limit")
    func kill() async throws {
        let child = try ChildProcess(
            .init(
                executable: "/bin/sh",
                arguments: ["-c", "trap '' TERM; exec sleep 600"],
                log: folder.path("deaf.log")
            ),
            lifeline: Spawn.Channel().reading
        )
        child.stop(limit: .milliseconds(1))
        let end = await child.end()
        #expect(end == .signal(SIGKILL) || end == .signal(SIGTERM))
    }

    @Test("a log is put aside by its day, and the oldest ones go")
    func logFile() throws {
        let file = LogFile(path: folder.path("a.log"), mostFiles: 3)
        let first = try #require(LogFile.Day(text: "2026-12-31"))
        #expect(first.end == Timestamp(iso8601: "2027-01-01T00:00:00Z"))
        let next = LogFile.Day(of: first.end)
        for (text, day) in [("1", first), ("2", first), ("3", next), ("4", next)] {
            try file.open().write(contentsOf: Data("\(text)\n".utf8))
            #expect(file.lastLines(1) == [text])
            file.putAside(day)
        }
        let names = file.earlier().map { URL(filePath: $0).lastPathComponent }
        #expect(names == ["a.2026-12-31-1.log", "a.2027-01-01.log", "a.2027-01-01-1.log"])
        // Another instance whose name begins alike.
        try "".write(toFile: folder.path("a.b.log"), atomically: true, encoding: .utf8)
        #expect(file.earlier().count == 3)
    }

    @Test("a program without a pipe outlives who started it, and is taken over by its number")
    func takenOver() async throws {
        let program = ChildProcess.Program(
            executable: "/bin/sh",
            arguments: ["-c", "echo here; exec sleep 600"],
            log: folder.path("long.log")
        )
        let started = try ChildProcess(program, lifeline: nil)
        let later = try #require(ChildProcess(running: started.identity, log: program.log))
        later.stop()
        #expect(await later.end() == .unknown)
        #expect(await started.end() == .signal(SIGTERM))
        #expect(ChildProcess(running: started.identity, log: program.log) == nil)
    }

    @Test("pauses double to 30 s, are spread by a fifth, and start anew after a steady run")
    func backoff() {
        var backoff = Backoff()
        let pauses = (0..<7).map { _ in backoff.pause(after: .zero, chance: 0.5).inSeconds.rounded()
        }
        #expect(pauses == [1, 2, 4, 8, 16, 30, 30])
        #expect(backoff.pause(after: Limits.steadyRun, chance: 0).inSeconds == 0.8)
        #expect(abs(backoff.pause(after: .zero, chance: 1).inSeconds - 2.4) < 1e-9)
    }
}

/// The clocks of the machine, but no pause takes any time.
private struct ImpatientTimeSource: TimeSource {
    var now: Timestamp { SystemTimeSource().now }
    var monotonic: Duration { SystemTimeSource().monotonic }
    func sleep(untilMonotonic deadline: Duration) async throws { try Task.checkCancellation() }
}

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    private let root: URL

    init() {
        root = FileManager.default.temporaryDirectory.appending(path: "cerro-" + UUID().uuidString)
        try? FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func path(_ name: String) -> String { root.appending(path: name).path }
}

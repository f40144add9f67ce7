import CerroTesting
import Foundation
import SiteConfig
import Synchronization
import Telemetry
import Testing

@testable import CerroCommand

/// Programs that are kept running, with real processes.
@Suite("the crew of a host")
struct HostCrewTests {
    private let folder = TemporaryFolder()

    /// A plan of shell scripts, each under its name.
    private func plan(
        _ scripts: [String: String],
        manual: Set<String> = [],
        ignored: Set<String> = []
    ) -> HostPlan {
        let entries = scripts.sorted { $0.key < $1.key }.map { id, script in
            HostPlan.Entry(
                id: id,
                className: "Script",
                manage: manual.contains(id) ? .manual : .keep,
                hash: script,
                program: .init(
                    executable: "/bin/sh",
                    arguments: ["-c", script],
                    log: folder.path(id + ".log")
                )
            )
        }
        return HostPlan(
            host: "here",
            manager: "host-here",
            hash: "",
            entries: entries,
            ignored: ignored,
            logs: folder.path("")
        )
    }

    /// Keeps the script `agent` running as `cerro up` does, until `isEnough` of what happens;
    /// returns all that has happened, and whether the end was clean.
    private func events(
        of script: String,
        until isEnough: @escaping @Sendable (String) -> Bool
    ) async throws -> (lines: [String], isClean: Bool) {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let lifeline = try Spawn.Channel()
        let crew = HostCrew(
            HostCrew.Surroundings(
                lifeline: lifeline.reading,
                // Slow, as no run of nothing may take the minute of a steady one.
                time: HurriedTimeSource(speed: 4),
                chance: { 0.5 },
                report: { continuation.yield($0.sentence) }
            )
        )
        let plan = plan(["agent": script])
        let run = Task {
            await crew.begin(plan)
            await crew.run()
            let isClean = await crew.endAll()
            continuation.finish()
            return isClean
        }
        var lines: [String] = []
        for await line in stream {
            lines.append(line)
            if isEnough(line) { run.cancel() }
        }
        let isClean = await run.value
        withExtendedLifetime(lifeline) {}
        return (lines, isClean)
    }

    @Test("a program that ends is started again, after 1, 2 and 4 s")
    func restart() async throws {
        let seen = Mutex(0)
        let (lines, _) = try await events(of: "echo broken; exit 7") { line in
            line.contains("starts again")
                && seen.withLock {
                    $0 += 1; return $0 == 3
                }
        }
        let pauses = lines.filter { $0.contains("starts again") }.prefix(3)
        #expect(
            pauses.map { $0 } == ["1 s", "2 s", "4 s"].map { "agent starts again in " + $0 }
        )
        // Of each run its own lines.
        #expect(lines[1] == "agent ended with exit code 7: broken")
        #expect(lines.filter { $0.contains("broken / broken") }.isEmpty)
        // Whoever looks into the log sees when it began and ended, among what it wrote itself.
        let log = try String(contentsOfFile: folder.path("agent.log"), encoding: .utf8)
        #expect(log.contains(" notice host: agent is started\nbroken\n"))
        #expect(log.contains(" notice host: agent ended with exit code 7\n"))
        #expect(log.contains(" notice host: agent starts again in 2 s\n"))
    }

    // Goal: the registry begins before the crew runs, and dies after the minute of a steady run.
    // Method: with a hurried clock it lives for two such minutes, twice.
    @Test("a registry that ends after a steady run is started again", .timeLimit(.minutes(2)))
    func registryAgain() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let crew = HostCrew(
            HostCrew.Surroundings(
                time: HurriedTimeSource(speed: 200),
                chance: { 0.5 },
                report: { continuation.yield($0.sentence) }
            )
        )
        await crew.begin(plan([Site.registryID: "exec sleep 0.6"]))
        let run = Task { await crew.run() }
        var starts = 0
        for await line in stream where line.hasPrefix("registry started") {
            starts += 1
            if starts == 3 { break }
        }
        run.cancel()
        await run.value
        _ = await crew.endAll()
    }

    @Test("cancelling stops a program in good order")
    func stop() async throws {
        // It waits for its lifeline, so that it ends with these tests whatever ends them.
        let script = "trap 'exit 0' TERM; read line"
        let (lines, isClean) = try await events(of: script) { _ in true }
        #expect(lines.first?.hasPrefix("agent started, process ") == true)
        #expect(
            lines.last == "agent ended with exit code 0"
                || lines.last == "agent was ended by signal 15"
        )
        #expect(isClean)
    }

    @Test("wrong settings are not tried again, and with nothing left to keep it ends")
    func staysDown() async throws {
        let (lines, _) = try await events(of: "exit 2") { _ in false }
        #expect(lines.count == 3)
        #expect(lines.last == "agent stays down: its settings are wrong")
    }

    @Test(
        "what fails and leaves the plan is told of, so that its fault ends",
        .timeLimit(.minutes(2))
    )
    func failedLeaves() async throws {
        let crew = HostCrew(
            HostCrew.Surroundings(time: SystemTimeSource(), report: { _ in })
        )
        await crew.begin(plan(["a": "exit 2"]))
        let run = Task { await crew.run() }
        let changes = await crew.changes()
        for await _ in changes where await crew.standings.first?.phase == .failed { break }
        let later = await crew.changes()
        for await _ in later { break }
        #expect(await crew.follow(plan([:])).removed == ["a"])
        for await _ in later { break }
        #expect(await crew.standings.isEmpty)
        run.cancel()
        await run.value
    }

    // Method: two crews one after the other with one state file, as two managers are.
    @Test("what a crew leaves running the next one takes over, and stops what the plan has no more")
    func successor() async throws {
        let script = "exec sleep 600"
        let file = folder.path("instances.json")
        func crew(_ plan: HostPlan) async -> (HostCrew, Task<Void, Never>) {
            let crew = HostCrew(
                HostCrew.Surroundings(
                    stateFile: file,
                    time: SystemTimeSource(),
                    report: { _ in }
                )
            )
            await crew.begin(plan)
            return (crew, Task { await crew.run() })
        }
        let (first, firstRun) = await crew(plan(["a": script, "b": script, "c": script]))
        for await _ in await first.changes()
        where await first.standings.allSatisfy({ $0.phase == .running }) { break }
        let before = await first.standings.map(\.process)
        firstRun.cancel()
        await firstRun.value

        // `b` reads something else now, and `c` is gone.
        var other = plan(["a": script, "b": "exec sleep 599"])
        let (second, secondRun) = await crew(other)
        for await _ in await second.changes() {
            let standings = await second.standings
            guard standings.map(\.instance) == ["a", "b"] else { continue }
            if standings[1].process != before[1], standings[1].phase == .running { break }
        }
        #expect(await second.standings[0].process == before[0])
        other = plan(["a": script, "b": "exec sleep 599", "d": script])
        let changes = await second.follow(other)
        #expect("\(changes)" == "new: d; unchanged: 2")
        _ = try await second.start("d")
        #expect(try await second.stop("d").hasPrefix("d was stopped"))
        #expect(try await second.stop("d") == "d did not run")
        await #expect(throws: CommandFailure.self) { try await second.stop("c") }
        secondRun.cancel()
        await secondRun.value
        await #expect(throws: CommandFailure.self) { try await second.stop("a") }
        #expect(await second.endAll())
    }

    @Test("what the plan leaves to people or to others from now on is not stopped")
    func leftAlone() async throws {
        let script = "exec sleep 600"
        let crew = HostCrew(
            HostCrew.Surroundings(
                stateFile: folder.path("instances.json"),
                time: SystemTimeSource(),
                report: { _ in }
            )
        )
        await crew.begin(plan(["a": script, "b": script]))
        let run = Task { await crew.run() }
        for await _ in await crew.changes()
        where await crew.standings.allSatisfy({ $0.phase == .running }) { break }
        let before = await crew.standings
        let other = try #require(await crew.members["b"]?.child)

        let changes = await crew.follow(plan(["a": script], manual: ["a"], ignored: ["b"]))
        #expect("\(changes)" == "removed: b; unchanged: 1")
        let after = await crew.standings
        #expect(after.map(\.instance) == ["a"] && after[0].process == before[0].process)
        #expect(after[0].phase == .running && after[0].decision == true)
        #expect(other.identity.isRunning)
        _ = try await crew.stop("a")
        #expect(await crew.standings[0].decision == nil)
        run.cancel()
        await run.value
        other.stop()
        #expect(await other.end() == .signal(SIGTERM))
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

import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

private let fake = "{class: FakeData, id: fake-1, start: [acquire]}"
private let byHand = "{class: FakeData, id: fake-2, manage: manual}"

// Goal: what a night needs of a host's manager: whatever happens to it, or to an instance, or to
// the site file, what should run runs, once, and what did not change is not touched.
@Suite("A host's manager and real processes", .serialized, .timeLimit(.minutes(10)))
struct HostTests {
    @Test("instances survive a manager that is killed, and the next one takes them over")
    func survival() async throws {
        try await ManagedSite.run(agents: [fake, byHand]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            let before = try site.processes()
            #expect(try await site.state(of: "fake-2")?["state"] == "down")

            #expect(try await site.cerro("host", "start", "fake-2").code == 0)
            #expect(try await site.cerro("host", "stop", "fake-1").code == 0)
            let middle = try site.processes()
            #expect(middle.keys.sorted() == ["fake-2", "registry"])
            #expect(middle["registry"] == before["registry"])

            try await site.killManager()
            for process in middle.values { #expect(kill(process, 0) == 0) }
            try await site.beginManager()
            try await site.untilRunning(["registry", "fake-2"])
            #expect(try site.processes() == middle)
            // What a person decided holds.
            let stopped = try #require(try await site.state(of: "fake-1"))
            #expect(stopped["state"] == "down" && stopped["decision"] == false)
            let list = try await site.cerro("host", "list")
            #expect(list.code == 0 && list.output.contains("keep, stopped by hand"))

            // What was taken over is stopped and started as what it has started itself.
            #expect(try await site.cerro("host", "restart", "fake-2").code == 0)
            #expect(try await site.cerro("host", "start", "fake-1").code == 0)
            let after = try site.processes()
            #expect(after["fake-2"] != middle["fake-2"] && after["registry"] == before["registry"])
        }
    }

    @Test("an instance that is killed is started again, also one that was taken over")
    func killed() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            for isTakenOver in [false, true] {
                try await site.untilRunning(["registry", "fake-1"])
                if isTakenOver {
                    try await site.killManager()
                    try await site.beginManager()
                    try await site.untilRunning(["registry", "fake-1"])
                }
                let victim = try #require(try site.processes()["fake-1"])
                kill(victim, SIGKILL)
                try await eventually("another process") {
                    let process = try site.processes()["fake-1"]
                    return process != nil && process != victim ? true : nil
                }
                let state = try #require(try await site.state(of: "fake-1"))
                #expect(state["restarts"] == 1)
            }
        }
    }

    // Method: a state file as a manager leaves it that is killed between a start and the file; and
    // one that names a process which is somebody else's by now.
    @Test("a state file that is behind starts nothing twice, and takes nobody else's process over")
    func staleState() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            let before = try site.processes()
            try await site.killManager()
            let text = try String(contentsOfFile: site.stateFile, encoding: .utf8)
            let state = try Value(json: text)
            var instances = state["instances"]?.map ?? [:]
            // The number of this process, with the begin of another.
            var entry = instances["fake-1"]?.map ?? [:]
            entry["pid"] = .int(Int64(getpid()))
            instances["fake-1"] = .map(entry)
            instances["registry"] = nil
            let changed: Value = [
                "version": 1, "boot": state["boot"] ?? .null, "instances": .map(instances),
            ]
            try changed.json.write(toFile: site.stateFile, atomically: true, encoding: .utf8)
            try await site.beginManager()
            try await site.untilRunning(["registry", "fake-1"])
            #expect(try site.processes() == before)
        }
    }

    @Test("of a changed site file only what changed is touched; a broken one changes nothing")
    func changedFile() async throws {
        let two = "{class: FakeData, id: fake-2}"
        let three = "{class: FakeData, id: fake-3, arguments: {channels: 2}}"
        try await ManagedSite.run(agents: [fake, two]) { site in
            try await site.untilRunning(["registry", "fake-1", "fake-2"])
            let before = try site.processes()

            try site.write(agents: [fake, three])
            try await site.untilRunning(["registry", "fake-1", "fake-3"])
            try await eventually("fake-2 has ended") {
                try site.processes()["fake-2"] == nil ? true : nil
            }
            let middle = try site.processes()
            #expect(middle["registry"] == before["registry"])
            #expect(middle["fake-1"] == before["fake-1"])
            // The registry has followed, too.
            try await eventually("fake-3 is alive") {
                let alive = try await site.client.instances().filter { $0.state == .alive }
                return alive.contains { $0.instance == "fake-3" } ? true : nil
            }

            try site.write(agents: [
                fake, three.replacingOccurrences(of: "channels: 2", with: "x: 1"),
            ])
            try await eventually("the fault") { try await site.fault("site.broken") }
            let reload = try await site.cerro("host", "reload")
            #expect(reload.code == 1 && reload.output.contains("`x`"), "\(reload.output)")
            #expect(try site.processes() == middle)
            // One that ends meanwhile comes back by the last good file.
            kill(try #require(middle["fake-3"]), SIGKILL)
            try await eventually("fake-3 is back") {
                let process = try site.processes()["fake-3"]
                return process != nil && process != middle["fake-3"] ? true : nil
            }

            try site.write(agents: [fake, three.replacingOccurrences(of: "2}}", with: "3}}")])
            let last = try site.processes()
            try await eventually("fake-3 has begun anew") {
                let process = try site.processes()["fake-3"]
                return process != nil && process != last["fake-3"] ? true : nil
            }
            try await eventually("the fault is over") {
                try await site.fault("site.broken") == nil ? true : nil
            }
            #expect(try site.processes()["fake-1"] == before["fake-1"])
            try site.manager.kill(SIGHUP)
            let again = try await site.cerro("host", "reload", "--json")
            #expect(again.code == 0)
            let answer = try Value(json: again.output)["here"]
            #expect(answer?["session"]?["data"]?["changes"]?["unchanged"] == 3, "\(again.output)")
        }
    }

    @Test("a second manager, and `cerro up`, are refused and told who manages the host")
    func second() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            let holder = "pid \(try site.manager.pid)"
            for words in [["host", "run"], ["up"]] {
                let (code, output) = try await RunningProgram.run(words + site.options)
                #expect(code == 4 && output.contains(holder), "\(output)")
            }
            try await site.killManager()
            let (code, output) = try await RunningProgram.run(["up"] + site.options)
            #expect(code == 4 && output.contains("fake-1, registry"), "\(output)")
            try await site.beginManager()
        }
    }

    @Test("a manager beside `cerro up` is refused and told so")
    func besideUp() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            let words = ["host", "run", "--host", "here", "--site", site.file]
            let (code, output) = try await RunningProgram.run(words)
            #expect(code == 4, "\(output)")
            let holder = try site.up.pid
            #expect(output.contains("pid \(holder), `cerro up`"), "\(output)")
        }
    }

    @Test("one that cannot run is a fault that says why, and that ends with it")
    func faults() async throws {
        // It ends by itself as soon as it has begun: its spool is no folder.
        let dying = "{class: FakeData, id: fake-2, arguments: {spool: {directory: site.yaml}}}"
        try await ManagedSite.run(agents: [fake, dying]) { site in
            let fault = try await eventually("the fault") {
                try await site.fault("instance.dying")
            }
            #expect(fault.subject == "fake-2" && fault.text.contains("site.yaml"), "\(fault.text)")
            let start = try await site.cerro("host", "start", "fake-2")
            #expect(start.code == 1 && start.output.contains("site.yaml"), "\(start.output)")
            #expect(try await site.cerro("host", "stop", "fake-2").code == 0)
            try await eventually("the fault is over") {
                try await site.fault("instance.dying") == nil ? true : nil
            }
        }
    }

    // Method: where the folder of the logs should be stands a file; not even root can write there.
    @Test("one whose log cannot be written is a fault that says so, and runs once it can")
    func unwritableLog() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            #expect(try await site.cerro("host", "stop", "fake-1").code == 0)
            let (logs, aside) = (site.path("logs"), site.path("aside"))
            try FileManager.default.moveItem(atPath: logs, toPath: aside)
            try "".write(toFile: logs, atomically: true, encoding: .utf8)
            let start = try await site.cerro("host", "start", "fake-1")
            #expect(start.code == 1 && start.output.contains(logs), "\(start.output)")
            let fault = try await eventually("the fault") {
                try await site.fault("instance.unstartable")
            }
            #expect(fault.subject == "fake-1" && fault.text.contains("write access"))
            try FileManager.default.removeItem(atPath: logs)
            try FileManager.default.moveItem(atPath: aside, toPath: logs)
            try await site.untilRunning(["fake-1"])
            try await eventually("the fault is over") {
                try await site.fault("instance.unstartable") == nil ? true : nil
            }
        }
    }

    // Method: the program file is a link that goes away, as in an upgrade that failed.
    @Test("one whose program is missing is a fault that says so")
    func missingProgram() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            try await site.killManager()
            let program = RunningProgram.cerro + "-" + UUID().uuidString
            #expect(link(RunningProgram.cerro, program) == 0)
            try await site.beginManager(as: program)
            unlink(program)
            let restart = try await site.cerro("host", "restart", "fake-1")
            #expect(restart.code == 1 && restart.output.contains(program), "\(restart.output)")
            #expect(try await site.fault("instance.unstartable")?.subject == "fake-1")
        }
    }

    // Method: the registry goes on by the true clock, and the next manager begins by another.
    @Test("a host whose clock is off is shown, and is a fault")
    func clock() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            let row = try await eventually("the clock is measured") {
                let row = try await site.client.instance("host-here")
                return row.roundTrip == nil ? nil : row
            }
            #expect(abs(row.clockOffset.inSeconds) < 1)
            #expect(try await site.fault("clock") == nil)
            try await site.killManager()
            let clock = try await OtherClock()
            try await site.beginManager(under: clock.leading(by: .seconds(120)))
            let fault = try await eventually("the fault") { try await site.fault("clock") }
            #expect(fault.text.contains("is 120 s ahead of the registry's"), "\(fault.text)")
            for words in [["host", "list"], ["status"]] {
                let shown = try await site.cerro(words)
                #expect(shown.output.contains(/(2 min|1 min 59 s) ahead ±/), "\(shown.output)")
            }
            #expect(try await site.cerro("host", "restart", "fake-1").code == 0)
        }
    }

    @Test(
        "a service manager is told when it is ready, alive and about to end; no instance tells it"
    )
    func notified() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            #expect(try await site.cerro("host", "stop", "fake-1").code == 0)
            try await site.killManager()
            let listener = try NotifySocket(site.path("notify"))
            try await site.beginManager(under: ["env", "NOTIFY_SOCKET=" + site.path("notify")])
            #expect(try await site.cerro("host", "start", "fake-1").code == 0)
            try await site.untilRunning(["fake-1"])
            var states: [String] = []
            try await eventually("signs of life") {
                states += listener.states()
                return states.filter { $0 == "WATCHDOG=1" }.count >= 3 ? true : nil
            }
            #expect(states.filter { $0 == "READY=1" }.count == 1)
            #expect(states.contains("STATUS=registered"))
            try site.manager.kill(SIGTERM)
            #expect(try await site.manager.untilEnd() == .code(0))
            #expect(listener.states().filter { $0 == "STOPPING=1" }.count == 1)
            #expect(try site.processes()["fake-1"] != nil)
        }
    }

    @Test("what does not exist is one sentence that says what does")
    func unknown() async throws {
        try await ManagedSite.run(agents: [fake]) { site in
            try await site.untilRunning(["registry", "fake-1"])
            let rows: [([String], Int32, String)] = [
                (["start", "fake-9"], 1, "registry, fake-1"),
                (["stop", "fake-1", "--host", "there"], 2, "its hosts are here"),
                (["list", "--host", "there"], 2, "its hosts are here"),
                (["stop", "host-here"], 2, "manager of host here"),
                (["stop"], 2, "--all"), (["stop", "--all"], 2, "--host"),
                (["logs", "fake-9"], 1, "registry, fake-1"),
            ]
            for (words, code, expected) in rows {
                let result = try await site.cerro(["host"] + words)
                #expect(result.code == code && result.output.contains(expected), "\(words)")
            }
            try await site.killManager()
            let gone = try await site.cerro("host", "stop", "fake-1")
            #expect([3, 5].contains(gone.code), "\(gone.output)")
            try await site.beginManager()
        }
    }

    // Method: the machine counts as another host than the one whose log is asked for, so that the
    // way is over the bus.
    @Test("logs come from another host through its manager, as they are written")
    func logs() async throws {
        try await ManagedSite.run(agents: [fake], others: true) { site in
            try await site.untilRunning(["registry", "fake-1"])
            let log = site.path("logs/fake-1.log")
            try site.append((1...500).map { "line \($0)" }, to: log)
            let tail = try await site.cerro("host", "logs", "fake-1", "-n", "3")
            #expect(tail.output == "line 498\nline 499\nline 500\n")
            let json = try await site.cerro("logs", "fake-1", "-n", "2", "--json")
            #expect(try Value(json: json.output) == ["line 499", "line 500"])

            let follow = try RunningProgram(["logs", "fake-1", "-n", "1", "-f"] + site.siteOption)
            try await eventually("the last line") { follow.lines.first }
            try site.append((501...20_000).map { "line \($0)" }, to: log)
            try await eventually("all lines") { follow.lines.count >= 19_501 ? true : nil }
            #expect(follow.lines == (500...20_000).map { "line \($0)" })
            follow.kill(SIGINT)
            #expect(try await follow.untilEnd() == .code(0))
        }
    }
}

/// A socket on which a service manager hears, as `$NOTIFY_SOCKET` names it.
private final class NotifySocket {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        let address = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + path.utf8 + [0]
        let status = address.withUnsafeBytes { bytes in
            bytes.bindMemory(to: sockaddr.self).baseAddress.map {
                bind(descriptor, $0, socklen_t(bytes.count))
            }
        }
        try #require(status == 0, "\(path)")
    }

    deinit { close(descriptor) }

    /// What has come since the last time, one state each.
    func states() -> [String] {
        var states: [String] = []
        var bytes = [UInt8](repeating: 0, count: 1_000)
        while case let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT)), count > 0
        {
            states += String(decoding: bytes.prefix(count), as: UTF8.self)
                .split(separator: "\n").map(String.init)
        }
        return states
    }
}

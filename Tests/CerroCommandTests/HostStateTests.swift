import Foundation
import SiteConfig
import Testing

@testable import CerroCommand

/// What a host's manager remembers, and which process is whose.
@Suite("the memory of a host's manager")
struct HostStateTests {
    private let folder = TemporaryFolder()

    @Test("what is written is read back; a file that is not there says nothing")
    func roundTrip() throws {
        let path = folder.path("instances.json")
        #expect(try HostState(path: path) == HostState())
        var state = HostState()
        let process = ProcessIdentity(pid: 12, start: 3_456, boot: "b")
        state.instances["a"] = .init(process: process, hash: "9f", wanted: nil)
        state.instances["b"] = .init(process: nil, hash: "", wanted: false)
        try state.write(path, boot: "b")
        #expect(try HostState(path: path) == state)
    }

    @Test(
        "a file that is damaged is said to be",
        arguments: ["", "{", "[]", "{\"version\": 2, \"instances\": {}}", "{\"version\": 1}"]
    )
    func damaged(text: String) throws {
        let path = folder.path("instances.json")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect {
            try HostState(path: path)
        } throws: {
            "\($0)" == "\(path) is damaged: it is no list of instances"
        }
    }

    @Test("a process of the same number that began at another time, or boot, is another one")
    func recycled() throws {
        let own = try #require(ProcessIdentity(of: getpid()))
        #expect(own.isRunning)
        #expect(own.age > .zero && own.age < .seconds(86_400))
        let earlier = ProcessIdentity(pid: own.pid, start: own.start - 1, boot: own.boot)
        let before = ProcessIdentity(pid: own.pid, start: own.start, boot: "another")
        for other in [earlier, before] {
            #expect(!other.isRunning)
            #expect(ChildProcess(running: other, log: folder.path("a.log")) == nil)
        }
    }

    @Test("a process is found by all of its arguments and by nothing less")
    func found() async throws {
        let words = ["-c", "echo here; exec sleep 600", folder.path("")]
        let program = ChildProcess.Program(
            executable: "/bin/sh",
            arguments: ["-c", "read line; exit 0", folder.path("")],
            log: folder.path("a.log")
        )
        let lifeline = try Spawn.Channel()
        let child = try ChildProcess(program, lifeline: lifeline.reading)
        #expect(ProcessIdentity.running()[program.arguments] == child.identity)
        #expect(ProcessIdentity.running()[words] == nil)
        child.stop()
        _ = await child.end()
        #expect(!child.identity.isRunning)
        #expect(ProcessIdentity.running()[program.arguments] == nil)
    }

    @Test("the plan has the registry where it is, leaves out what others run, and has all places")
    func plan() throws {
        let site = try TestSite.read(
            """
            site: test
            spool: {directory: \(folder.path("spool"))}
            hosts:
              here:
                address: 127.0.0.1
                agents:
                  - {class: HostMetrics, id: h-1}
                  - {class: HostMetrics, id: h-2, manage: manual}
                  - {class: Anything, id: h-3, manage: ignore}
            """
        )
        let host = try #require(site.hosts.first)
        let launch = HostPlan.Launch(executable: "/x", sitePath: "/s", options: ["--copy", "/c"])
        let plan = HostPlan(host, of: site, launch)
        #expect(plan.manager == "host-here" && plan.ignored == ["h-3"])
        #expect(plan.entries.map(\.id) == ["registry", "h-1", "h-2"])
        #expect(plan.entries.map(\.manage) == [.keep, .keep, .manual])
        #expect(
            plan.entries[1].program.arguments == [
                "agent", "run", "h-1", "--site", "/s", "--copy", "/c", "--log",
                folder.path("logs/h-1.log"),
            ]
        )
        #expect(Set(plan.entries.map(\.hash) + [plan.hash]).count == 4)
    }
}

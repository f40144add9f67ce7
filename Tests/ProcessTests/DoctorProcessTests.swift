import CerroTesting
import Foundation
import Telemetry
import Testing

@testable import CerroCommand

@Suite("What the doctor finds, by the programs", .serialized, .timeLimit(.minutes(10)))
struct DoctorProcessTests {
    /// The texts of what is bad under a topic.
    private func bad(_ topic: String, _ answer: Value) -> [String] {
        (answer["findings"]?.array ?? []).compactMap { finding in
            finding["topic"]?.string == topic && finding["state"] == "bad"
                ? finding["text"]?.string : nil
        }
    }

    // Goal: a site that is well, then one whose agent has died without a word.
    // Method: real processes; the registry takes a lease's time to call it silent.
    @Test("a site that lives is fine; an agent that died is named with its host")
    func living() async throws {
        let plan = ProcessSite.Plan(["{class: FakeData, id: fake-1}"])
        try await ProcessSite.runApart(plan) { site in
            let fine = try await eventually("everybody is there") {
                let (code, answer) = try await CommandLineTool.json(["doctor"], site.file)
                return code == 0 ? answer : nil
            }
            #expect(fine["fine"] == true)
            let texts = (fine["findings"]?.array ?? []).compactMap { $0["text"]?.string }
            #expect(texts.contains("8 sockets of the site let this machine in"))
            let registry = try site.program("registry").pid
            #expect(
                texts.contains {
                    $0.hasPrefix("\(site.registryPort) of the registry is held by process ")
                        && $0.hasSuffix("\(registry), its own")
                }
            )

            try site.program("fake-1").kill(SIGKILL)
            let found = try await eventually("the silence is noticed") {
                let (code, answer) = try await CommandLineTool.json(["doctor"], site.file)
                return code == 1 ? bad("reach", answer).first : nil
            }
            #expect(found.contains("fake-1") && found.contains("here"))
            try site.begin("fake-1")
            try await eventually("it is back") {
                try await CommandLineTool.json(["doctor"], site.file).0 == 0 ? true : nil
            }
        }
    }

    @Test("a port that somebody else has is bad, and he is named")
    func stranger() async throws {
        let folder = try TemporaryFolder()
        let port = try TakenPort.free()
        let taken = try #require(TakenPort(port))
        let file = folder.path + "/site.yaml"
        try """
        site: test
        registry: {port: \(port)}
        archive: {reserve: 0 B}
        hosts: {here: {address: 127.0.0.1, agents: [{class: FakeData, id: fake-1}]}}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        let (code, answer) = try await CommandLineTool.json(["doctor"], file)
        #expect(code == 1)
        let found = try #require(bad("ports", answer).first)
        #expect(
            found.hasPrefix("\(port) of the registry is held by process \(getpid()) (")
        )
        withExtendedLifetime(taken) {}
    }
}

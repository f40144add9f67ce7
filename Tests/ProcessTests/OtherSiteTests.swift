import AgentClient
import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Two sites at one port", .serialized, .timeLimit(.minutes(10)))
struct OtherSiteTests {
    // Goal: somebody tries a copy of a site file beside the site that runs, and has changed its
    // name and folders but not the registry's port.
    @Test("nobody of one site gets into the other, and the port is named")
    func otherSite() async throws {
        let fake = "{class: FakeData, id: fake-1}"
        try await ProcessSite.run(agents: [fake]) { site in
            let own = try String(contentsOfFile: site.file, encoding: .utf8)
            let trial =
                own.replacing("site: test", with: "site: trial")
                .replacing("directory: spool", with: "directory: trial-spool")
                .replacing("directory: archive", with: "directory: trial-archive")
                .replacing("fake-1", with: "fake-9")
            let file = site.file.replacing("site.yaml", with: "trial.yaml")
            try trial.write(toFile: file, atomically: true, encoding: .utf8)

            let agent = try await RunningProgram.run(["agent", "run", "fake-9", "--site", file])
            #expect(agent.code == 4)
            let words = "this is the registry of site `test`, and fake-9 registers for site `trial`"
            #expect(agent.output.contains(words), "\(agent.output)")
            #expect(agent.output.contains("`registry: {port: …}`"))

            let status = try await RunningProgram.run(["status", "--site", file])
            #expect(status.code == 4 && status.output.contains("the registry of site `test`"))
            let names = try await site.client.instances().map(\.instance)
            #expect(!names.contains("fake-9") && names.contains("fake-1"))
        }
    }
}

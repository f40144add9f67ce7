import AgentClient
import Foundation
import SiteConfig
import Telemetry
import Testing

@testable import CerroCommand

/// Commands that need a site file and no running site.
@Suite("commands without a network")
struct SiteCommandTests {
    private let folder = TemporaryFolder()

    private func write(_ text: String, to name: String) throws -> String {
        let path = folder.path(name)
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    private func run(_ arguments: [String]) async -> (code: Int32, transcript: Transcript) {
        let transcript = Transcript()
        let code = await CommandLineTool.run(arguments, console: .kept(in: transcript))
        return (code, transcript)
    }

    @Test("the site file is the option, else the variable, else the usual places")
    func siteFile() throws {
        var option = SiteOption()
        option.file = nil
        #expect(try option.path(environment: ["CERRO_SITE": "a.yaml"]) == "a.yaml")
        #expect(
            try option.path(environment: [:]) { $0.hasPrefix("/etc") } == "/etc/cerro/site.yaml"
        )
        #expect(throws: CommandFailure.self) { try option.path(environment: [:]) { _ in false } }
        option.file = "b.yaml"
        #expect(try option.path(environment: ["CERRO_SITE": "a.yaml"]) == "b.yaml")
    }

    @Test("the site files that come with Cerro are fine", arguments: ["demo", "example"])
    func shipped(name: String) async {
        let top = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path = top.appending(path: "site-config/\(name).yaml").path
        let (code, transcript) = await run(["config", "check", path])
        #expect(code == 0, "\(transcript)")
    }

    private let fine = """
        site: test
        hosts:
          here:
            address: 127.0.0.1
            agents:
              - {class: HostMetrics, id: host-1, start: [acquire]}
        """

    @Test("the settings of an agent whose id is wrong are those of an agent")
    func namelessAgent() async throws {
        let agent = "{class: FakeData, id: fake.1, arguments: {rate: fast}}"
        let text = fine.replacing(
            "{class: HostMetrics, id: host-1, start: [acquire]}",
            with: agent
        )
        let found = await run(["config", "check", try write(text, to: "site.yaml")])
        #expect(found.transcript.notes.contains("`id` of agent fake.1 is"))
        #expect(found.transcript.notes.contains("`rate` of an agent is `fast`"))
    }

    @Test("an import never replaces a file, and says so in whole sentences")
    func importedTwice() throws {
        let path = try write("a: b", to: "there.yaml")
        let failure = #expect(throws: CommandFailure.self) {
            try ConfigImportCommand.write("c: d", to: path)
        }
        #expect(failure?.message.contains(" exists. Name a file") == true, "\(path)")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a: b")
    }

    @Test("a fine site file is fine")
    func check() async throws {
        let path = try write(fine, to: "site.yaml")
        let result = await run(["config", "check", path])
        #expect(result.code == 0)
        #expect(result.transcript.answers.contains("site test, 1 instance\n"))
    }

    @Test("a wrong one ends with 2 and shows all problems, in words or as JSON")
    func wrong() async throws {
        let text = fine.replacing("HostMetrics", with: "HostMetric").replacing(
            "site:",
            with: "sit:"
        )
        let path = try write(text, to: "site.yaml")
        let words = await run(["config", "check", path])
        #expect(words.code == 2)
        #expect(words.transcript.answers.isEmpty)
        #expect(words.transcript.notes.contains("HostMetric"))
        #expect(words.transcript.notes.contains("problem"))

        let json = await run(["config", "check", "--json", path])
        #expect(json.code == 2)
        let document = try Value(json: json.transcript.answers.trimmingCharacters(in: .newlines))
        #expect(document["fine"] == false)
        #expect((document["problems"]?.array?.count ?? 0) >= 2)
    }

    @Test("a registry that does not answer ends with 3 and says what to do")
    func unreachable() async throws {
        let path = try write("registry: {address: 127.0.0.1, port: 1}\n" + fine, to: "site.yaml")
        let result = await run(["status", "--site", path])
        #expect(result.code == 3)
        #expect(result.transcript.notes.contains("cerro up"))
    }

    @Test("a registry whose name nobody knows is told from one that does not answer")
    func unknownName() throws {
        let site = try TestSite.read(
            "site: test\nkeys: keys/\nregistry: {address: nobody.invalid}\n"
                + "hosts: {a: {address: 127.0.0.1}}\n"
        )
        let gone = ClientError.unreachable("the registry at nobody.invalid", reason: "no answer")
        let failure = SiteConnection.failure(gone, site) as? CommandFailure
        #expect(failure?.status == .unreachable)
        #expect(failure?.message.contains("`nobody.invalid` is not known here: write") == true)
    }

    @Test("logs show the last lines, and name the instances where there is none of that name")
    func logs() async throws {
        let path = try write(
            fine + "\nspool: {directory: \(folder.path("spool"))}",
            to: "site.yaml"
        )
        try FileManager.default.createDirectory(
            atPath: folder.path("logs"),
            withIntermediateDirectories: true
        )
        _ = try write("one\ntwo\nthree\n", to: "logs/host-1.log")
        let logs = await run(["logs", "host-1", "-n", "2", "--site", path])
        #expect(logs.code == 0)
        #expect(logs.transcript.answers == "two\nthree\n")
        let unknown = await run(["logs", "host-2", "--site", path])
        #expect(unknown.code == 1)
        #expect(unknown.transcript.notes.contains("registry, host-1"))
        // Where there is no file the host's manager is asked, which does not run here.
        let missing = await run(["logs", "registry", "--site", path])
        #expect(missing.code == 3)
    }

    @Test(
        "a live pattern subscribes to as little as possible",
        arguments: [
            ("*", "", true), ("a", "a/", true), ("a.f", "a/f/", true), ("a.f.x", "a/f/", true),
            ("b", "b/", false), ("*.f.*", "", true), ("a.g", "a/g/", false), ("a*", "", true),
            ("a.f.y", "a/f/", false),
        ]
    )
    func live(pattern: String, topic: String, fits: Bool) {
        let filter = LiveFilter(pattern)
        let name = FieldName(instance: "a", feed: "f", field: "x")
        #expect(filter.topic == topic)
        #expect((filter.mayMatch(instance: "a", feed: "f") && filter.matches(name)) == fits)
    }

    @Test("faults stand with the worst first, then the oldest")
    func faults() {
        var row = InstanceRow(instance: "a", className: "A", host: "h")
        row.faults = [
            Fault(id: "1", severity: .warning, since: Timestamp(seconds: 1), text: ""),
            Fault(id: "2", severity: .critical, since: Timestamp(seconds: 3), text: ""),
            Fault(id: "3", severity: .critical, since: Timestamp(seconds: 2), text: ""),
        ]
        #expect(FaultsCommand.sorted([row]).map(\.fault.id) == ["3", "2", "1"])
    }
}

import Foundation
import Telemetry
import Testing

@testable import CerroCommand

@Suite("what a shell offers")
struct CompletionTests {
    private func line(_ text: String, _ prefix: String = "") -> CompletionLine {
        let words = text.split(separator: " ").map(String.init) + [prefix]
        return CompletionLine(words, index: words.count - 1, prefix: prefix)
    }

    @Test("the words before count without options and what stands behind these")
    func words() {
        let plain = line("cerro call --no-wait cryo-1 --timeout 5 set_heater")
        #expect(plain.words == ["call", "cryo-1", "set_heater"] && plain.site == nil)
        #expect(plain.word(0) == "cryo-1" && plain.word(1) == "set_heater")
        #expect(plain.word(2) == nil)
        #expect(line("cerro get --site a.yaml").site == "a.yaml")
        #expect(line("cerro get --site=a.yaml").site == "a.yaml")
        #expect(line("cerro get --site=a.yaml").words == ["get"])
    }

    @Test("every option behind which a value stands is known as one")
    func options() async throws {
        let transcript = Transcript()
        let help = ["--experimental-dump-help"]
        #expect(await CommandLineTool.run(help, console: .kept(in: transcript)) == 0)
        func options(of command: Value) -> Set<String> {
            let own = (command["arguments"]?.array ?? []).filter { $0["kind"] == "option" }
            let names = own.flatMap { $0["names"]?.array ?? [] }.compactMap { name in
                name["name"]?.string.map { (name["kind"] == "short" ? "-" : "--") + $0 }
            }
            return (command["subcommands"]?.array ?? []).reduce(into: Set(names)) {
                $0.formUnion(options(of: $1))
            }
        }
        let root = try #require(try Value(json: transcript.answers)["command"])
        #expect(options(of: root) == CompletionLine.valued)
    }

    @Test("the archive is that of the option, and its files are offered newest first")
    func files() async throws {
        #expect(line("cerro archive cat --directory /a").directory == "/a")
        #expect(line("cerro archive cat --directory=/a").directory == "/a")
        let folder = TemporaryFolder()
        let day = folder.path("2026/11/21")
        try FileManager.default.createDirectory(atPath: day, withIntermediateDirectories: true)
        let names = [
            "041503-18e9f4451359177d466a3b6f.cerro", "041530-18e9f44b21a5c4adc3d0e75c.journal",
        ]
        for name in names { try Data().write(to: URL(filePath: day + "/" + name)) }
        for (command, expected) in [
            ("cat", names.reversed()), ("repair", [names[0]]),
        ] {
            let transcript = Transcript()
            let words = ["cerro", "archive", command, "--directory", folder.path(""), "2026"]
            let code = await CommandLineTool.run(
                ["---completion", "archive", command, "--", "positional@0", "5", "4"] + words,
                console: .kept(in: transcript)
            )
            #expect(code == 0)
            #expect(
                transcript.answers.split(separator: "\n") == expected.map { "2026/11/21/\($0)" }
            )
        }
    }

    @Test("--reader offers readers, and what is none is refused with those that there are")
    func readers() throws {
        let site = try TestSite.read(
            """
            site: test
            hosts:
              here:
                address: 127.0.0.1
                agents:
                  - {class: Reader, id: near}
                  - {class: FakeData, id: fake-1}
                  - {class: Reader, id: far}
            """
        )
        #expect(SiteCompletion.readers(of: site) == ["near", "far"])
        #expect(try ReaderQuery.reader(nil, of: site) == "near")
        #expect(try ReaderQuery.reader("far", of: site) == "far")
        // The site file may be older than what runs.
        #expect(try ReaderQuery.reader("new", of: site) == "new")
        for (name, kind) in [("fake-1", "FakeData"), ("registry", "Registry")] {
            let words = "--reader is \(name), which is of the class \(kind); there are near, far"
            #expect(throws: CommandFailure(.usage, words)) {
                try ReaderQuery.reader(name, of: site)
            }
        }
    }

    @Test("a shell may hand over anything")
    func nonsense() {
        #expect(CompletionLine([], index: 7, prefix: "").words == [])
        #expect(CompletionLine(["cerro"], index: -1, prefix: "").words == [])
        #expect(CompletionLine(["cerro", "--site"], index: 2, prefix: "").site == nil)
    }

    @Test("only what begins alike is offered, and never endlessly much")
    func fitting() {
        #expect(line("cerro get", "b").fitting(["a", "b", "bc"]) == ["b", "bc"])
        let many = (0...Limits.completions).map { "f\($0)" }
        #expect(line("cerro get").fitting(many).count == Limits.completions)
    }

    @Test("a parameter comes with its choices, both truth values, or its default")
    func parameters() throws {
        func words(_ json: String) throws -> [String] {
            SiteCompletion.words(try Value(json: json))
        }
        #expect(try words(#"{"name": "mode", "choices": ["a", "b"]}"#) == ["mode=a", "mode=b"])
        #expect(try words(#"{"name": "on", "type": "bool"}"#) == ["on=true", "on=false"])
        #expect(try words(#"{"name": "n", "type": "int", "default": 3}"#) == ["n=3"])
        #expect(try words(#"{"name": "n", "type": "int", "default": null}"#) == ["n="])
        #expect(try words("{}") == [])
    }

    // Goal: whoever presses Tab where there is no site sees nothing, neither words nor an error.
    @Test("without a site nothing is offered and nothing is said")
    func silence() async {
        let transcript = Transcript()
        let code = await CommandLineTool.run(
            [
                "---completion", "call", "--", "positional@1", "5", "0", "cerro", "call", "--site",
                "/no", "a", "",
            ],
            console: .kept(in: transcript)
        )
        #expect(code == 0 && transcript.notes.isEmpty)
        #expect(transcript.answers.filter { !$0.isWhitespace }.isEmpty)
    }
}

import Foundation
import MessageBus
import Telemetry
import Testing

@testable import CerroCommand

/// Exit codes and where the words go.
@Suite("the command line")
struct CommandLineTests {
    private func run(_ arguments: [String]) async -> (code: Int32, transcript: Transcript) {
        let transcript = Transcript()
        let code = await CommandLineTool.run(arguments, console: .kept(in: transcript))
        return (code, transcript)
    }

    @Test("help and version are answers, and done")
    func answers() async {
        let help = await run(["--help"])
        #expect(help.code == 0)
        #expect(help.transcript.answers.contains("SUBCOMMANDS"))
        #expect(help.transcript.notes.isEmpty)

        let version = await run(["--version"])
        #expect(version.code == 0)
        #expect(version.transcript.answers == Version.current + "\n")
    }

    @Test("an answer that cannot be written is a failure, and says why")
    func unwritten() async {
        let transcript = Transcript()
        let full = Console(usesColour: false, showsProgress: false) {
            descriptor,
            text throws(CommandFailure) in
            guard descriptor == STDERR_FILENO else { throw CommandFailure(.failed, "disk full") }
            transcript.append(text, isAnswer: false)
        }
        #expect(await CommandLineTool.run(["--version"], console: full) == 1)
        #expect(transcript.notes == "cerro: disk full\n")
        #expect(await CommandLineTool.run(["nonsense"], console: full) == 2)
    }

    @Test("a completion script is an answer", arguments: ["bash", "zsh", "fish"])
    func completion(shell: String) async {
        let script = await run(["--generate-completion-script", shell])
        #expect(script.code == 0)
        #expect(script.transcript.answers.contains("cerro"))
    }

    @Test(
        "a wrong command line ends with 2 and says what is wrong on standard error",
        arguments: [["nonsense"], ["--nonsense"], ["logs"], ["up", "--site"]]
    )
    func usage(arguments: [String]) async {
        let wrong = await run(arguments)
        #expect(wrong.code == 2)
        #expect(wrong.transcript.answers.isEmpty)
        #expect(wrong.transcript.notes.contains("Error: "))
    }

    // Goal: a script that reads JSON can read what went wrong as well.
    @Test(
        "with --json a failure without an answer is a document, and its words are for people too",
        arguments: [
            (["status", "--json", "--site", "/no.yaml"], Int32(2), "usage", "/no.yaml:1:1"),
            (["status", "--nonsense", "--json"], 2, "usage", "Unknown option"),
            (["archive", "ls", "--json", "--directory", "/no"], 1, "failed", "no folder /no"),
            (["get", "x", "--format", "json", "--site", "/no"], 2, "usage", "/no:1:1"),
            (["get", "x", "--format=json", "--site", "/no"], 2, "usage", "/no:1:1"),
        ]
    )
    func document(arguments: [String], code: Int32, word: String, words: String) async throws {
        let failed = await run(arguments)
        #expect(failed.code == code && failed.transcript.notes.contains(words))
        let error = try Value(json: failed.transcript.answers)["error"]
        #expect(error?["code"]?.string == word)
        #expect(error?["message"]?.string?.contains(words) == true)
    }

    @Test(
        "an answer is the one document, and nobody else gets one",
        arguments: [
            (["config", "check", "--json", "/no.yaml"], 1),
            (["status", "--site", "/no.yaml"], 0), (["get", "x", "--site", "/no.yaml"], 0),
            (["get", "x", "--format", "csv", "--site", "/no.yaml"], 0),
        ]
    )
    func oneDocument(arguments: [String], count: Int) async {
        let failed = await run(arguments)
        #expect(failed.code == 2 && !failed.transcript.notes.isEmpty)
        #expect(failed.transcript.answers.split(separator: "\n").count == count)
    }

    @Test("a refusal in a document has the code of whoever refused")
    func refusal() {
        let failure = CommandFailure(.failed, "no", code: .queryFailed)
        #expect(failure.document == ["error": ["code": "query.failed", "message": "no"]])
        #expect(CommandFailure(.timedOut, "no").document["error"]?["code"] == "timed-out")
    }
}

import Foundation
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
}

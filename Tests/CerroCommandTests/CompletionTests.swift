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
